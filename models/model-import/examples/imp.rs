//! Temporary.
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let o = model_import::ImportOptions { allow_missing_tokenizer: true };
    let r = model_import::import_with(a[1].as_ref(), a[2].as_ref(), &o, &mut |_| {});
    println!("{:?}", r.map(|r| (r.shared_matrices, r.warnings)));
}
