//! `pintle replay APP [PIPELINE]`: tries again what pipelines took and could not store.

use std::path::PathBuf;

use pintle_model::PipelineId;
use pintle_pipeline::Replayed;

use crate::app::App;
use crate::copying::grouped;
use crate::failure::Failure;
use crate::intake::{self, Intake};
use crate::place::StoreArg;
use crate::ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    app: PathBuf,
    /// The pipeline whose dead letters are tried again. Default: all
    pipeline: Option<String>,
    #[command(flatten)]
    store: StoreArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (app, location) = App::load(&args.app, &args.store)?;
    let ids: Vec<PipelineId> = match &args.pipeline {
        Some(name) => vec![intake::find(&app, name)?],
        None => (0..app.model().pipelines.len()).map(PipelineId).collect(),
    };
    if ids.is_empty() {
        return Err(Failure::new(format!("the app `{}` has no pipelines", app.model().name)));
    }
    let runtime = intake::runtime()?;
    let _inside = runtime.enter();
    let store = intake::open(&app, &location, &args.store)?;
    let mut left = 0;
    for id in ids {
        let intake = Intake::new(&app, id, &store)?;
        let name = &app.model().pipeline(id).name;
        let done = runtime.block_on(intake.door.replay(&intake.asker));
        let Replayed { stored, dead } = done.map_err(|error| {
            Failure::because(format!("the dead letters of `{name}` were not tried to their end"), &error)
        })?;
        left += dead;
        ui::out(&format!("{name}: {} stored, {} left", grouped(stored), grouped(dead)));
    }
    if left > 0 {
        return Err(Failure::new("not all could be stored").help(
            "each is kept with the reason of the last attempt, in the table `_pintle_dead_letters`; mend what they need and replay again",
        ));
    }
    Ok(())
}
