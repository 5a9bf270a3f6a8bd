//! The origin's way of giving every item its context, with nothing but the standard library.
//!
//! A context is a handful of `Arc`s to what a run's tasks share, beside the item's own value and its index. The
//! contexts of all items are kept, and dropped together. The program takes the number of items as its argument, reads
//! how often to make all contexts from each line of its input, and answers with the nanoseconds that this took.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::io::{stdin, stdout, BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

const RESULTS: usize = 100;
const RESULT_BYTES: usize = 10_240;

/// What a JSON document can hold here; it is copied and dropped, and nobody reads it.
#[allow(dead_code)]
#[derive(Clone)]
enum Json {
    Number(usize),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// A run's context as an item sees it.
#[derive(Clone)]
struct Context {
    _parameters: Arc<Json>,
    _variables: Arc<HashMap<String, Json>>,
    _results: Arc<HashMap<String, Json>>,
    _system: Arc<HashMap<String, Json>>,
    item: Option<Json>,
    index: Option<usize>,
}

fn object(key: &str, value: Json) -> Json {
    Json::Object(BTreeMap::from([(key.to_string(), value)]))
}

/// A context over the results of a hundred tasks, 10 KB each: 1 MB.
fn over_one_megabyte() -> Context {
    let results = (0..RESULTS).map(|task| {
        let bytes = (0..RESULT_BYTES).map(|byte| Json::Number(byte % 256)).collect();
        (format!("task_{task}"), object("data", Json::List(bytes)))
    });
    Context {
        _parameters: Arc::new(object("limit", Json::Number(10))),
        _variables: Arc::new(HashMap::new()),
        _results: Arc::new(results.collect()),
        _system: Arc::new(HashMap::new()),
        item: None,
        index: None,
    }
}

fn contexts_of(shared: &Context, items: usize) -> Vec<Context> {
    let mut kept = Vec::new();
    for index in 0..items {
        let mut context = shared.clone();
        context.item = Some(object("index", Json::Number(index)));
        context.index = Some(index);
        kept.push(context);
    }
    kept
}

fn main() {
    let items: usize = std::env::args().nth(1).expect("how many items").parse().expect("a number of items");
    let shared = over_one_megabyte();
    for line in stdin().lock().lines() {
        let loops: usize = line.expect("a line").trim().parse().expect("how often");
        let began = Instant::now();
        for _ in 0..loops {
            black_box(contexts_of(black_box(&shared), items));
        }
        println!("{}", began.elapsed().as_nanos());
        stdout().flush().expect("a reader");
    }
}
