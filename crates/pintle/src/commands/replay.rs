//! `pintle replay APP [PIPELINE [ID]...]`: tries again what pipelines took and could not store.

use std::path::PathBuf;

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
    /// The dead letters that are tried again, as `pintle dead-letters list` names them. Default: all
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    store: StoreArg,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (app, location) = App::load(&args.app, &args.store)?;
    let ids = intake::pipelines(&app, args.pipeline.as_deref())?;
    let runtime = intake::runtime()?;
    let _inside = runtime.enter();
    let store = intake::open(&app, &location, &args.store)?;
    let mut left = 0;
    for id in ids {
        let intake = Intake::new(&app, id, &store)?;
        let name = &app.model().pipeline(id).name;
        let Replayed { stored, dead } = runtime.block_on(replay(&intake, name, &args.ids))?;
        left += dead;
        ui::out(&format!("{name}: {} stored, {} left", grouped(stored), grouped(dead)));
    }
    if left > 0 {
        return Err(Failure::new("not all could be stored").help(
            "each is kept with the reason of the last attempt, which `pintle dead-letters list` shows; mend what they need and replay again",
        ));
    }
    Ok(())
}

/// Tries those of these ids again, or all.
async fn replay(intake: &Intake, pipeline: &str, ids: &[String]) -> Result<Replayed, Failure> {
    let Intake { door, asker } = intake;
    let failed = |error: pintle_pipeline::Error| {
        Failure::because(format!("the dead letters of `{pipeline}` were not tried to their end"), &error)
    };
    if ids.is_empty() {
        return door.replay(None, asker).await.map_err(failed);
    }
    let mut all = Replayed::default();
    for id in ids {
        let done = door.replay(Some(id), asker).await.map_err(failed)?;
        if done == Replayed::default() {
            return Err(intake::no_letter(pipeline, id));
        }
        all.stored += done.stored;
        all.dead += done.dead;
    }
    Ok(all)
}
