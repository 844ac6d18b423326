//! `pintle proto APP`: the protocol of an app's pipelines, for programs that bring records by gRPC.

use std::path::PathBuf;

use pintle_server::{Exposure, grpc};

use crate::app::App;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    #[command(flatten)]
    to: Output,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let model = App::manifest(&args.app)?;
    let text = grpc::proto(&model, &Exposure::whole(&model)).ok_or_else(|| {
        Failure::new("the app has no pipelines").help("records come by gRPC into `pipelines` of its manifest")
    })?;
    args.to.text(&text)
}
