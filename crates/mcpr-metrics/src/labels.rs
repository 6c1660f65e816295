//! Which values labels have. Names come from outside: each is bounded in length and number, and goes
//! through the recorder's redaction before it leaves for another system.

use limits::{ERROR_TYPES, LABEL_BYTES, METHODS, PROXIES, SERIES, SERIES_OF_PROXY, TOOLS};
use mcpr_model::{ErrorKind, Text};
use mcpr_store::query::{OTHER, RequestRow};
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt;
use std::sync::Arc;

/// How many values labels have at most.
pub mod limits {
    /// Most proxies that are distinguished; all others are `(other)`.
    pub const PROXIES: usize = 50;
    /// Most methods of a proxy.
    pub const METHODS: usize = 40;
    /// Most tools of a proxy.
    pub const TOOLS: usize = 100;
    /// Most kinds of errors of a proxy.
    pub const ERROR_TYPES: usize = 20;
    /// Most series of a proxy in a histogram, beside those of what is `(other)` in it.
    pub const SERIES_OF_PROXY: usize = 300;
    /// Most series of a histogram, beside those of what is `(other)` in each proxy.
    pub const SERIES: usize = 1000;
    /// Longest value of a label; a longer name is `(other)`. MCP allows tools 128.
    pub const LABEL_BYTES: usize = 128;
}

/// Takes the secrets out of a name; `None` where there is none.
#[derive(Clone)]
pub struct Clean(Arc<CleanName>);

type CleanName = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Clean {
    /// By a function.
    pub fn by(clean: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(clean))
    }

    /// The name as it may leave.
    #[must_use]
    pub fn name(&self, name: &str) -> Text {
        self.0(name).map_or_else(|| Text::from(name), Text::from)
    }
}

impl fmt::Debug for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clean")
    }
}

/// The labels of one series of an operation's duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OperationLabels {
    pub(crate) proxy: Text,
    pub(crate) method: Text,
    pub(crate) tool: Option<Text>,
    pub(crate) error_type: Option<Text>,
}

impl OperationLabels {
    /// Those of what has no series of its own in its proxy. Whether it failed is reported all the same.
    fn of_rest(self) -> Self {
        let other = Text::const_new(OTHER);
        Self {
            method: other.clone(),
            tool: None,
            error_type: self.error_type.map(|_| other),
            ..self
        }
    }
}

/// The names that are distinguished, of one sort.
#[derive(Debug, Default)]
struct Names(FxHashMap<Text, Text>);

impl Names {
    /// The label of a name, which is remembered while fewer than `most` are.
    fn label(&mut self, name: &str, most: usize, clean: &Clean) -> Text {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        if self.0.len() >= most || name.len() > LABEL_BYTES {
            return Text::const_new(OTHER);
        }
        let label = clean.name(name);
        self.0.insert(name.into(), label.clone());
        label
    }
}

/// The names of one proxy.
#[derive(Debug, Default)]
struct ProxyNames {
    methods: Names,
    tools: Names,
    error_types: Names,
    series: usize,
}

/// All names that labels have so far.
#[derive(Debug)]
pub(crate) struct LabelBook {
    clean: Clean,
    proxies: Names,
    of_proxy: FxHashMap<Text, ProxyNames>,
    series: FxHashSet<OperationLabels>,
}

impl LabelBook {
    pub(crate) fn new(clean: Clean) -> Self {
        Self {
            clean,
            proxies: Names::default(),
            of_proxy: FxHashMap::default(),
            series: FxHashSet::default(),
        }
    }

    /// The label of a proxy.
    pub(crate) fn proxy(&mut self, name: &str) -> Text {
        self.proxies.label(name, PROXIES, &self.clean)
    }

    /// The labels that a request counts under.
    pub(crate) fn of_request(&mut self, row: &RequestRow) -> OperationLabels {
        let proxy = self.proxy(&row.proxy);
        let names = self.of_proxy.entry(proxy.clone()).or_default();
        let clean = &self.clean;
        let labels = OperationLabels {
            proxy,
            method: names.methods.label(&row.method, METHODS, clean),
            tool: row
                .tool
                .as_deref()
                .map(|tool| names.tools.label(tool, TOOLS, clean)),
            error_type: error_type(row)
                .map(|error| names.error_types.label(error, ERROR_TYPES, clean)),
        };
        if self.series.contains(&labels) {
            return labels;
        }
        if names.series >= SERIES_OF_PROXY || self.series.len() >= SERIES {
            return labels.of_rest();
        }
        names.series += 1;
        self.series.insert(labels.clone());
        labels
    }
}

/// The `error.type` of the conventions: the code, or `tool_error`, or what ended the request.
fn error_type(row: &RequestRow) -> Option<&str> {
    let kind = row.error_kind?;
    let code = row.error_code.as_deref();
    Some(match kind {
        ErrorKind::Rpc | ErrorKind::Http => code.unwrap_or(kind.as_str()),
        ErrorKind::Tool => "tool_error",
        ErrorKind::Cancelled | ErrorKind::Timeout | ErrorKind::Died | ErrorKind::Denied => {
            kind.as_str()
        }
        // Neither an error nor a success: a series of its own, which rates can leave out.
        ErrorKind::Unseen => "unknown",
    })
}
