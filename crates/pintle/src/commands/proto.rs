//! `pintle proto APP`: the protocol of an app's pipelines, for programs that bring records by gRPC.

use std::path::PathBuf;

use pintle_server::{Exposure, grpc};

use super::types::write;
use crate::app::App;
use crate::failure::Failure;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// The file to write, in the place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let model = App::manifest(&args.app)?;
    let text = grpc::proto(&model, &Exposure::whole(&model)).ok_or_else(|| {
        Failure::new("the app has no pipelines").help("records come by gRPC into `pipelines` of its manifest")
    })?;
    match &args.out {
        Some(file) => write(file, &text),
        None => {
            ui::out(text.trim_end());
            Ok(())
        }
    }
}
