//! Services and pipelines: what each exposes, and where records go.

use pintle_model::{CollectionId, Model, PipelineId, RouteAccess, RouteId, Service, ServiceId, load};

use super::{file, good};

fn parts(model: &Model, service: &Service) -> (Vec<String>, Vec<String>, bool) {
    let collections = service.collections.iter().map(|id| model.collection(*id).name.clone()).collect();
    let routes = service.routes.iter().map(|RouteId(at)| &model.routes[*at]);
    (collections, routes.map(|route| format!("{} {}", route.method, route.path)).collect(), service.pages)
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn each_part_belongs_to_the_service_that_names_it_or_to_the_one_that_has_the_others() {
    let model = good();
    let names: Vec<_> = model.services.iter().map(|service| (service.name.as_str(), service.port)).collect();
    assert_eq!(names, [("people", Some(30001)), ("page", Some(30000)), ("rest", None)]);
    assert!(model.services_named);
    let of = |name: &str| parts(&model, model.find_service(name).expect(name).1);
    let near = ["GET /", "GET /near/{x}/{y}/{n}", "DELETE /near/{x}/{y}/{n}"];
    assert_eq!(of("people"), (strings(&["places", "people", "visits"]), strings(&near), false));
    assert_eq!(of("page"), (Vec::new(), Vec::new(), true));
    assert_eq!(of("rest"), (strings(&["log"]), strings(&["GET /health", "POST /near/{x}/{y}/all"]), false));
    let pipelines: Vec<_> = model.services.iter().map(|service| service.pipelines.clone()).collect();
    assert_eq!(pipelines, [vec![], vec![PipelineId(1)], vec![PipelineId(0), PipelineId(2)]]);
    assert_eq!(model.service(ServiceId(1)).name, "page");
    assert_eq!(model.find_service("pages"), None);
}

#[test]
fn an_app_that_names_no_service_is_one() {
    let text = "name: My_App\npintle: 1\ncollections: { a: {}, b: {} }\nroutes: { /x: { get: { sql: SELECT 1 } } }\n";
    let model = load("pintle.yaml", text, &file).0.expect("a model");
    let [service] = model.services.as_slice() else { panic!("one service: {:?}", model.services) };
    assert_eq!(
        (service.name.as_str(), service.port, service.pages, model.services_named),
        ("my-app", None, true, false)
    );
    assert_eq!(service.collections, [CollectionId(0), CollectionId(1)], "Pintle's own collections answer nowhere");
    assert_eq!(service.routes, [RouteId(0)]);

    let longest = format!("pintle: 1\nname: {}_{}\npublic: none\n", "A".repeat(39), "b".repeat(20));
    let model = load("pintle.yaml", &longest, &file).0.expect("a model");
    assert_eq!((model.services[0].name.as_str(), model.services[0].pages), ("a".repeat(39).as_str(), false));
}

#[test]
fn a_model_with_mistakes_has_a_service_too() {
    for services in ["{}", "[a]", "", "5"] {
        let text = format!("pintle: 1\ncollections: {{ a: {{}} }}\nservices: {services}\n");
        let (model, diagnostics) = load("pintle.yaml", &text, &file);
        assert_eq!((model.expect("a model").services.len(), diagnostics.len()), (1, 1), "{text}");
    }
}

/// What a pipeline says, and what it does not.
#[test]
fn pipelines_lead_into_collections() {
    let model = good();
    let places = model.pipeline(PipelineId(0));
    assert_eq!((places.name.as_str(), places.path.as_str(), places.into.0), ("places", "/api/places", 0));
    assert_eq!((&*places.id, places.order, places.queue), (&[0][..], Some(1), 1000));
    assert_eq!((places.batch.records, places.batch.wait.as_millis(), places.access), (500, 20, RouteAccess::Required));
    let (_, people) = model.find("people").expect("people");
    let (other, _) = people.field("other").expect("other");
    assert_eq!(model.pipeline(PipelineId(1)).id, [other]);
    let visits = model.pipeline(PipelineId(2));
    assert_eq!((&*visits.id, visits.order, visits.queue), (&[0, 1][..], None, 100_000));
    let letters = |id: usize| &model.pipeline(PipelineId(id)).dead_letters;
    assert_eq!((letters(0).records, letters(0).keep.map(|keep| keep.as_secs())), (7, Some(7200)));
    assert_eq!((letters(2).records, letters(2).keep), (100_000, None));
    assert_eq!((visits.batch.records, visits.batch.wait.as_millis(), visits.access), (4000, 5, RouteAccess::Optional));
}
