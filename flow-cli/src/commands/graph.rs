//! `flow graph`: a run as a picture of its plan.

use clap::{Args, ValueEnum};
use flow_runtime::plan::Format;
use flow_runtime::{WorkflowData, WorkflowId, WorkflowStore};
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

/// Draw a run: its plan, with how each step stands
///
/// As text for a terminal, or as SVG, Mermaid or DOT: `flow graph order-1 --as svg > order-1.svg`.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// The run's id
    #[arg(value_name = "RUN", value_parser = |text: &str| WorkflowId::new(text))]
    run: WorkflowId,
    /// How to draw it
    #[arg(long = "as", value_name = "FORMAT", default_value = "text")]
    format: Drawn,
    /// The plan alone, without how the run stands
    #[arg(long)]
    plan: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drawn {
    Text,
    Svg,
    Mermaid,
    Dot,
}

#[derive(Serialize)]
struct Document {
    id: String,
    format: String,
    picture: String,
}

impl Graph {
    pub(crate) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let store = session.reader()?;
        let data = store.load(&self.run).await?;
        let picture = self.draw(&data);
        if session.out.is_json() {
            let format = format!("{:?}", self.format).to_lowercase();
            session.out.json(Document { id: data.id.to_string(), format, picture })?;
        } else {
            picture.lines().try_for_each(|line| session.out.line(line))?;
        }
        Ok(Exit::Done)
    }

    fn draw(&self, data: &WorkflowData) -> String {
        let format = match self.format {
            Drawn::Text => Format::Text,
            Drawn::Svg => Format::Svg,
            Drawn::Mermaid => Format::Mermaid,
            Drawn::Dot => Format::Dot,
        };
        if self.plan { data.plan.render(format) } else { data.render(format) }
    }
}
