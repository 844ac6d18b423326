fn main() {
    let app = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(format!("{app}/pintle.yaml")).unwrap();
    let read = |path: &str| std::fs::read_to_string(format!("{app}/{path}")).map_err(|e| e.to_string());
    let (model, _) = pintle_model::load("pintle.yaml", &text, &read);
    let svg = pintle_diagram::collections(&model.unwrap());
    std::fs::write("/tmp/try/c.svg", &svg).unwrap();
    std::fs::write("/tmp/try/c.png", pintle_diagram::png(&svg).unwrap()).unwrap();
}
