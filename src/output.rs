//! What a person sees while it runs: bars on a terminal, plain lines otherwise, JSON where asked. stdout is data; this is stderr.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How a run tells of itself.
#[derive(Debug, Clone)]
pub struct Narrator {
    bars: bool,
    quiet: bool,
    json: bool,
}

impl Narrator {
    /// Bars where stderr is a terminal and logs are text.
    pub fn new(json: bool, quiet: bool) -> Narrator {
        Narrator { bars: !json && !quiet && std::io::stderr().is_terminal(), quiet, json }
    }

    /// Says nothing: for tests and commands that only read.
    pub fn silent() -> Narrator {
        Narrator { bars: false, quiet: true, json: false }
    }

    /// One line about what happens now.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            tracing::info!("{text}");
        }
    }

    /// What somebody should look at. In JSON the level says what the word says in text.
    pub fn warn(&self, text: &str) {
        if self.json {
            tracing::warn!("{text}");
        } else {
            tracing::warn!("warning: {text}");
        }
    }

    /// A bar of `total` steps.
    pub fn bar(&self, what: &str, total: u64) -> Bar {
        let bar = if self.bars && total > 0 {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("  {prefix:10} {bar:30} {pos}/{len} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(what.to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        } else {
            ProgressBar::hidden()
        };
        Bar { bar }
    }
}

/// A running bar.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub fn advance(&self, message: &str) {
        self.bar.set_message(message.to_string());
        self.bar.inc(1);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// `12345678` → `12,345,678`
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 row`, `1,500 rows`
pub fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// As text of an HTML page, inside elements and attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `1536` → `1.5 KiB`
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// The most memory that this process has held, in bytes (Linux; 0 elsewhere).
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}
