//! The command line as typed. Every flag has a variable `URAMAKI_…`; a flag beats the variable, the variable beats the file.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
#[command(
    name = "uramaki",
    version,
    about = "The company's data, cut by customer: extracts to customer journeys, every night, with proof",
    after_help = "Exit codes: 0 done · 1 the run failed · 2 wrong usage or configuration · 3 a data check failed · 4 another run holds the warehouse · 130, 143 interrupted"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Args)]
pub struct Global {
    /// The project's folder (default: this folder, or the nearest above it, with uramaki.yaml)
    #[arg(long, global = true, value_name = "DIR", env = "URAMAKI_PROJECT")]
    pub project: Option<PathBuf>,
    /// Where tables are published, instead of the project file's: a folder, s3://, gs:// or az://
    #[arg(long, global = true, value_name = "URL", env = "URAMAKI_WAREHOUSE")]
    pub warehouse: Option<String>,
    /// Where extracts lie, instead of the project file's: a folder, s3://, gs://, az:// or http(s)://
    #[arg(long, global = true, value_name = "URL", env = "URAMAKI_DROP")]
    pub drop: Option<String>,
    /// How the narration on stderr is written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "URAMAKI_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Colours in text
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, env = "URAMAKI_COLOR")]
    pub color: Color,
    /// Say more (-vv: still more)
    #[arg(short, long, global = true, action = ArgAction::Count, env = "URAMAKI_VERBOSE")]
    pub verbose: u8,
    /// Narrate nothing but warnings and errors
    #[arg(short, long, global = true, env = "URAMAKI_QUIET", value_parser = BoolishValueParser::new())]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Begin a new project: project file, pipelines, models and sample extracts
    Init(InitArgs),
    /// Compile everything, touch no data; all errors at once
    Check(CheckArgs),
    /// What a run would do, and why
    Plan(PlanArgs),
    /// Read what is new, build what it changes, check it, publish it
    Run(RunArgs),
    /// Write the committed marts to the sinks of the project file again
    Publish(PublishArgs),
    /// Ask the published tables
    Query(QueryArgs),
    /// History: inputs, outputs, balance, checks, timings
    Runs(RunsArgs),
    /// Rows that did not follow their contract
    Quarantine(QuarantineArgs),
    /// Whose record is this? Resolve, train, evaluate, explain, review
    Identity(IdentityArgs),
    /// One page of a committed run, for a browser: figures, what changed, what was refused
    Report(ReportArgs),
    /// The data catalogue: every table and column, where it comes from, what its checks said
    Docs(DocsArgs),
    /// Verify, reproduce, trace, explain: what an auditor asks, years later
    Audit(AuditArgs),
    /// Make extracts of any size, with their truth
    Generate(GenerateArgs),
    /// JSON Schemas of the project's files, for editors
    Schema,
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The new project's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The same as without it: `check` never touches data or stores
    #[arg(long, env = "URAMAKI_OFFLINE", value_parser = BoolishValueParser::new())]
    pub offline: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The business day that the run stands for (default: the newest date among the files)
    #[arg(long, value_name = "DATE", env = "URAMAKI_AS_OF")]
    pub as_of: Option<NaiveDate>,
    /// Models: name, layer.name, +name, name+, tag:x; parted by blanks they unite, by commas they intersect
    #[arg(long, value_name = "SEL", num_args = 1.., env = "URAMAKI_SELECT")]
    pub select: Vec<String>,
    /// Read and build everything again from the archive
    #[arg(long, env = "URAMAKI_FULL_REFRESH", value_parser = BoolishValueParser::new())]
    pub full_refresh: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Workers (default: the machine's cores)
    #[arg(long, value_name = "N", env = "URAMAKI_THREADS")]
    pub threads: Option<usize>,
    /// Memory for operators before they spill, as 512MiB or 2GiB (default: half of the machine's)
    #[arg(long, value_name = "SIZE", env = "URAMAKI_MEMORY")]
    pub memory: Option<String>,
}

#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The sink's name in uramaki.yaml (default: all of them)
    pub sink: Option<String>,
    /// Write over what somebody else has changed in the sink
    #[arg(long, requires = "sink", env = "URAMAKI_OVERWRITE", value_parser = BoolishValueParser::new())]
    pub overwrite: bool,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// SELECT statements, with `;` between them. Without them, on a terminal: a shell
    pub sql: Option<String>,
    /// A file with the statements; `-` reads them from stdin
    #[arg(short, long, value_name = "FILE", conflicts_with = "sql", env = "URAMAKI_FILE")]
    pub file: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Table, env = "URAMAKI_FORMAT")]
    pub format: Format,
    /// Where the answer is written, instead of stdout
    #[arg(long, value_name = "FILE", env = "URAMAKI_OUTPUT")]
    pub output: Option<PathBuf>,
    /// The tables as this run published them
    #[arg(long, value_name = "N", env = "URAMAKI_RUN")]
    pub run: Option<u64>,
    /// How many rows a table shows; 0: all [default: 50 on a terminal, else all]
    #[arg(long, value_name = "N", env = "URAMAKI_ROWS")]
    pub rows: Option<u64>,
    /// Where the shell remembers statements, instead of the user's state folder; empty: nowhere
    #[arg(long, value_name = "FILE", env = "URAMAKI_HISTORY")]
    pub history: Option<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Csv,
    Json,
    Parquet,
}

#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub verb: Option<RunsVerb>,
}

#[derive(Debug, Subcommand)]
pub enum RunsVerb {
    /// One line a run
    List,
    /// One run: inputs, balance, tables with their files, checks, timings
    Show {
        /// The run's number (default: the last)
        run: Option<u64>,
        /// The manifest itself
        #[arg(long, env = "URAMAKI_JSON", value_parser = BoolishValueParser::new())]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    pub verb: Option<QuarantineVerb>,
}

#[derive(Debug, Subcommand)]
pub enum QuarantineVerb {
    /// Counts by object, column and reason; no content
    List,
    /// The rows of one file, with their raw text
    Show {
        /// The file's name in the drop folder: shopify/orders/2026-11-20.csv
        file: String,
    },
}

#[derive(Debug, Args)]
pub struct IdentityArgs {
    #[command(subcommand)]
    pub verb: IdentityVerb,
}

#[derive(Debug, Subcommand)]
pub enum IdentityVerb {
    /// Find out which records of any CSV or Parquet files are one person or organisation
    Resolve {
        /// Files of people or organisations
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// What the columns are, and how to match (default: by the columns' names)
        #[arg(long, value_name = "FILE", env = "URAMAKI_CONFIG")]
        config: Option<PathBuf>,
        /// The folder for links.parquet, review.parquet, clusters.parquet, model.json and blocking.csv
        #[arg(long, value_name = "DIR", default_value = "identity", env = "URAMAKI_OUTPUT")]
        output: PathBuf,
        /// Workers (default: the machine's cores)
        #[arg(long, value_name = "N", env = "URAMAKI_THREADS")]
        threads: Option<usize>,
    },
    /// Make a model of the project's own records: identity-model.json, for `identity: {mode: probabilistic}`
    Train {
        /// Where the model is written (default: identity-model.json of the project)
        #[arg(long, value_name = "FILE", env = "URAMAKI_OUTPUT")]
        output: Option<PathBuf>,
    },
    /// Compare clusters with the truth: precision, recall and F1, of pairs and of whole clusters
    Evaluate {
        /// The folder that `identity resolve` wrote
        #[arg(long, value_name = "DIR", env = "URAMAKI_LINKS")]
        links: PathBuf,
        /// CSV or Parquet with the columns source, id and entity
        #[arg(long, value_name = "FILE", env = "URAMAKI_LABELS")]
        labels: PathBuf,
    },
    /// Why are two records one customer, or not; or: why is this customer one
    Explain {
        /// Two records (system/object/key), or one customer id
        #[arg(required = true, num_args = 1..=2, value_name = "RECORD|CUSTOMER")]
        names: Vec<String>,
        /// A page with pictures, instead of text
        #[arg(long, value_name = "FILE", env = "URAMAKI_HTML")]
        html: Option<PathBuf>,
    },
    /// Pairs that may be one person, the likelier first, for identity-overrides.csv
    Review {
        /// Instead so many pairs of each band of probability, links among them, picked by chance: decided as they come, they calibrate
        #[arg(long, value_name = "N", conflicts_with = "limit", env = "URAMAKI_SAMPLE")]
        sample: Option<u64>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, env = "URAMAKI_LIMIT")]
        limit: u64,
        /// How they are written; csv is ready for identity-overrides.csv
        #[arg(long, value_enum, default_value_t = Format::Table, env = "URAMAKI_FORMAT")]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Where the page is written (default: report.html of the project)
    #[arg(long, value_name = "FILE", env = "URAMAKI_OUTPUT")]
    pub output: Option<PathBuf>,
    /// The language of the page
    #[arg(long, value_enum, default_value_t = Lang::En, env = "URAMAKI_LANG")]
    pub lang: Lang,
    /// The run that it shows (default: the last)
    #[arg(long, value_name = "N", env = "URAMAKI_RUN")]
    pub run: Option<u64>,
}

#[derive(Debug, Args)]
pub struct DocsArgs {
    /// The folder for index.html, catalogue.json and semantic_models.yml (default: catalogue/ of the project)
    #[arg(long, value_name = "DIR", env = "URAMAKI_OUTPUT")]
    pub output: Option<PathBuf>,
    /// The language of the page; descriptions are as the models have them
    #[arg(long, value_enum, default_value_t = Lang::En, env = "URAMAKI_LANG")]
    pub lang: Lang,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    En,
    De,
}

#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub verb: AuditVerb,
}

#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Is everything there as it was written: manifests, files, logs, balances? Whatever differs is named
    Verify {
        /// This run and the manifests before it (default: all runs)
        run: Option<u64>,
        /// The SHA-256 of the newest manifest, as it was kept elsewhere
        #[arg(long, value_name = "SHA256", env = "URAMAKI_HEAD")]
        head: Option<String>,
        /// How it is told
        #[arg(long, value_enum, default_value_t = Told::Text, env = "URAMAKI_FORMAT")]
        format: Told,
    },
    /// Make a run again from its inputs and rules, and compare every table
    Reproduce {
        /// The run's number
        run: u64,
        /// Keep what was made here (default: a folder that is removed at the end)
        #[arg(long, value_name = "DIR", env = "URAMAKI_INTO")]
        into: Option<PathBuf>,
        /// Take everything from this bundle, instead of the warehouse
        #[arg(long, value_name = "FILE", env = "URAMAKI_BUNDLE")]
        bundle: Option<PathBuf>,
        #[command(flatten)]
        effort: Effort,
    },
    /// One archive from which a run can be made again elsewhere
    Bundle {
        /// The run's number
        run: u64,
        /// Where it is written (default: run-N.tar)
        #[arg(long, value_name = "FILE", env = "URAMAKI_OUTPUT")]
        output: Option<PathBuf>,
        /// The published tables too
        #[arg(long, env = "URAMAKI_WITH_TABLES", value_parser = BoolishValueParser::new())]
        with_tables: bool,
    },
    /// From a row of a mart, or one cell of it, back to the lines of the source files
    Trace {
        /// The table: marts.customer_360, or customer_360
        #[arg(value_name = "MART")]
        table: String,
        /// The row's key: one value for each column of the key, in its order, or COLUMN=VALUE
        #[arg(long, value_name = "K", required = true)]
        key: Vec<String>,
        /// Only this column's value
        #[arg(long, value_name = "C", env = "URAMAKI_COLUMN")]
        column: Option<String>,
        /// The run that published it (default: the last)
        #[arg(long, value_name = "N", env = "URAMAKI_RUN")]
        run: Option<u64>,
        /// How it is told
        #[arg(long, value_enum, default_value_t = Told::Text, env = "URAMAKI_FORMAT")]
        format: Told,
        /// A page with a picture, beside it
        #[arg(long, value_name = "FILE", env = "URAMAKI_HTML")]
        html: Option<PathBuf>,
    },
    /// Why is a row not there: quarantined, superseded, filtered, merged, late?
    WhyNot {
        /// The table that lacks the row
        #[arg(value_name = "MART", required_unless_present = "source")]
        table: Option<String>,
        /// The key that it would have: one value for each column of the key, in its order, or COLUMN=VALUE
        #[arg(long, value_name = "K", required_unless_present = "source", conflicts_with = "source")]
        key: Vec<String>,
        /// A line of an extract instead of a key: shopify/orders/2026-11-20.csv:17
        #[arg(long, value_name = "FILE:LINE")]
        source: Option<String>,
        /// The run that is asked (default: the last)
        #[arg(long, value_name = "N", env = "URAMAKI_RUN")]
        run: Option<u64>,
        /// How it is told
        #[arg(long, value_enum, default_value_t = Told::Text, env = "URAMAKI_FORMAT")]
        format: Told,
    },
    /// What changed the key figures between two runs, split exactly into causes
    Diff {
        /// The earlier run
        #[arg(value_name = "RUN")]
        from: u64,
        /// The later run
        #[arg(value_name = "RUN")]
        to: u64,
        /// How it is told
        #[arg(long, value_enum, default_value_t = Told::Text, env = "URAMAKI_FORMAT")]
        format: Told,
        #[command(flatten)]
        effort: Effort,
    },
    /// Rows and money from the sources' control totals to each mart
    Balance {
        /// The run's number (default: the last)
        run: Option<u64>,
        /// How it is told
        #[arg(long, value_enum, default_value_t = Told::Text, env = "URAMAKI_FORMAT")]
        format: Told,
    },
    /// The auditor's folder: procedure, inputs, checks, changes, balance, sign-off sheet, as pages that print
    Pack {
        /// The run's number (default: the last)
        run: Option<u64>,
        /// The language of the pages
        #[arg(long, value_enum, default_value_t = Lang::En, env = "URAMAKI_LANG")]
        lang: Lang,
        /// The folder (default: audit/run-N of the project)
        #[arg(long, value_name = "DIR", env = "URAMAKI_OUTPUT")]
        output: Option<PathBuf>,
        /// The run of the last pack: changes are told since then (default: the run before)
        #[arg(long, value_name = "N", env = "URAMAKI_SINCE")]
        since: Option<u64>,
    },
}

/// What a rebuild may use.
#[derive(Debug, Clone, Args)]
pub struct Effort {
    /// Workers (default: the machine's cores)
    #[arg(long, value_name = "N", env = "URAMAKI_THREADS")]
    pub threads: Option<usize>,
    /// Memory for operators before they spill, as 512MiB or 2GiB (default: half of the machine's)
    #[arg(long, value_name = "SIZE", env = "URAMAKI_MEMORY")]
    pub memory: Option<String>,
}

/// How an audit is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Told {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The folder for drop/, truth.json and people.csv
    #[arg(long, value_name = "DIR", env = "URAMAKI_OUTPUT")]
    pub output: PathBuf,
    /// How many people
    #[arg(long, default_value_t = 200, env = "URAMAKI_CUSTOMERS")]
    pub customers: u64,
    /// How many nights
    #[arg(long, default_value_t = 3, env = "URAMAKI_NIGHTS")]
    pub nights: u32,
    /// The same seed makes the same bytes
    #[arg(long, default_value_t = 1, env = "URAMAKI_SEED")]
    pub seed: u64,
}
