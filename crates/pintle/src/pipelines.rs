//! Pipelines for an app, as the files of those who run them: `pintle new --pipeline`.

use std::path::{Path, PathBuf};

use pintle_kubernetes::object_name;

use crate::failure::Failure;
use crate::output::write;

/// Who runs a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Pipeline {
    /// GitLab: .gitlab-ci.yml
    Gitlab,
    /// GitHub Actions: .github/workflows/app.yml
    Github,
    /// Google Cloud Build: cloudbuild.yaml
    Cloudbuild,
}

impl Pipeline {
    /// Its own file: the path in the app, and the text.
    fn file(self) -> (&'static str, &'static str) {
        match self {
            Pipeline::Gitlab => (".gitlab-ci.yml", include_str!("../templates/pipelines/gitlab.yml")),
            Pipeline::Github => (".github/workflows/app.yml", include_str!("../templates/pipelines/github.yml")),
            Pipeline::Cloudbuild => ("cloudbuild.yaml", include_str!("../templates/pipelines/cloudbuild.yaml")),
        }
    }

    /// Its own file, and those of the app's image.
    fn files(self) -> [(&'static str, &'static str); 3] {
        [
            self.file(),
            ("Dockerfile", include_str!("../templates/pipelines/Dockerfile")),
            (".dockerignore", include_str!("../templates/pipelines/dockerignore")),
        ]
    }

    /// Writes them into the folder of the app of this name, beside those of the image that another pipeline brought.
    /// Nothing of the user's is written over: the paths that were written.
    pub(crate) fn add(self, folder: &Path, app: &str) -> Result<Vec<PathBuf>, Failure> {
        let texts = self.files().map(|(path, text)| (folder.join(path), text.replace("{{object}}", &object_name(app))));
        let there = |path: &Path| std::fs::read_to_string(path).ok();
        let missing: Vec<_> = texts.iter().filter(|(path, text)| there(path).as_ref() != Some(text)).collect();
        if let Some((path, _)) = missing.iter().find(|(path, _)| path.exists()) {
            return Err(Failure::new(format!("`{}` is there already", path.display()))
                .help("move it away, and take over what is yours: nothing is written over"));
        }
        for (path, text) in &missing {
            write(path, text)?;
        }
        Ok(missing.into_iter().map(|(path, _)| path.clone()).collect())
    }
}
