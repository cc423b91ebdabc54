//! What operators call: the router as a value, no socket; and uploads over sockets, cut and full.

use axum::{
    body::Body,
    http::{Method, Request},
};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use otaru_wire::mqtt::Message;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use super::*;
use crate::{
    files::{ByteStream, OpenError, OpenFile, PutError, Stored},
    gateway::Delivery,
    http::router::{Parts, router},
    service::{self, Dialects, Options, Outbox, Service},
    store::{Location, Sqlite},
};

/// Nobody is connected.
struct Nobody;

impl Outbox for Nobody {
    fn deliver(&self, _: &DeviceId, _: Message) -> Delivery {
        Delivery::Offline
    }

    fn is_connected(&self, _: &DeviceId) -> bool {
        false
    }
}

pub(super) struct Operators {
    router: Router,
    token: String,
    folder: TempDir,
}

impl Operators {
    pub(super) async fn new() -> Self {
        Self::keeping_files_in(|files| Arc::new(files)).await
    }

    async fn keeping_files_in(wrap: impl FnOnce(LocalFiles) -> Arc<dyn Files>) -> Self {
        let folder = TempDir::new().unwrap();
        let files = wrap(LocalFiles::open(folder.path(), 1 << 30).unwrap());
        let links = Links::new("http://ota.example", [7; 32], DEFAULT_TTL).unwrap();
        let clock: service::Clock = Arc::new(|| Timestamp(START));
        let service = Service::new(service::Parts {
            store: Arc::new(Sqlite::open(Location::Memory).unwrap()),
            files: Arc::clone(&files),
            links: links.clone(),
            outbox: Arc::new(Nobody),
            clock: Arc::clone(&clock),
            dialects: Dialects::default(),
            options: Options::default(),
        });
        let token = service.first_token().await.unwrap().unwrap();
        let router = router(Parts { service, files, links, clock, gateway: None });
        Self { router, token, folder }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("Authorization", format!("Bearer {}", self.token));
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body.to_string()).await
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Body::empty()).await
    }

    /// Uploads bytes; gives their SHA-256.
    pub(super) async fn upload(&self, bytes: &'static [u8]) -> Value {
        let request = Request::put("/api/v1/files")
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Length", bytes.len());
        self.send(request.body(bytes.into()).unwrap()).await.1["sha256"].clone()
    }

    /// The answer must be this refusal.
    pub(super) fn refused((status, answer): (u16, Value), wanted: (u16, &str)) {
        assert_eq!((status, answer["error"]["code"].as_str()), (wanted.0, Some(wanted.1)), "{answer}");
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
    }

    fn kept(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

fn put_request(token: &str, declared: usize) -> String {
    format!(
        "PUT /api/v1/files?name=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {declared}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_call_without_a_token_or_with_a_wrong_one_is_refused() {
    let operators = Operators::new().await;
    let wrong = format!("Bearer {}x", operators.token);
    let basic = format!("Basic {}", operators.token);
    let bare = operators.token.clone();
    for value in [None, Some(""), Some("Bearer"), Some("Bearer "), Some(&*wrong), Some(&*basic), Some(&*bare)]
    {
        for path in ["/api/v1/products", "/api/v1/campaigns/1/tasks", "/api/v1/no-such-call"] {
            let mut request = Request::get(path).body(Body::empty()).unwrap();
            if let Some(value) = value {
                request.headers_mut().insert("Authorization", value.parse().unwrap());
            }
            Operators::refused(operators.send(request).await, (401, "unauthorized"));
        }
    }
    assert_eq!(operators.get("/products").await.0, 200);
}

#[tokio::test]
async fn an_upload_without_a_token_is_refused_before_its_bytes_are_read() {
    let operators = Operators::new().await;
    let body = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
    let request = Request::put("/api/v1/files").header("Content-Length", "5").body(body).unwrap();
    Operators::refused(operators.send(request).await, (401, "unauthorized"));
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_with_what_is_wrong() {
    let operators = Operators::new().await;
    for (body, hint) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "invalid"),
        (r#"{"product_key":"a"}"#, "dialect"),
        (r#"{"product_key":"a/b","dialect":"aliyun"}"#, "'/'"),
        (r#"{"product_key":"a","dialect":"klingon"}"#, "klingon"),
        (r#"{"product_key":"a","dialect":"aliyun","colour":1}"#, "colour"),
    ] {
        let answer = operators.call(Method::POST, "/products", body).await;
        assert!(answer.1["error"]["message"].as_str().unwrap().contains(hint), "{body}: {}", answer.1);
        Operators::refused(answer, (400, "bad_json"));
    }
    let long = format!(r#"{{"product_key":"{}"}}"#, "a".repeat(16 << 20));
    Operators::refused(operators.call(Method::POST, "/products", long).await, (413, "too_large"));
    Operators::refused(operators.get("/products?limit=x").await, (400, "bad_query"));
    Operators::refused(operators.get("/products?offset=1").await, (400, "bad_query"));
    Operators::refused(operators.get("/campaigns/one").await, (400, "bad_path"));
    assert_eq!(operators.get("/products").await.1["products"], json!([]), "nothing was made");
}

#[tokio::test]
async fn a_campaign_over_the_longest_list_of_the_longest_names_can_be_sent() {
    let operators = Operators::new().await;
    let names: Vec<String> =
        (0..otaru_fleet::NewCampaign::MAX_LISTED).map(|n| format!("{n:064}/{n:064}")).collect();
    let answer = operators.post("/campaigns", json!({"package_id": 1, "devices": names})).await;
    Operators::refused(answer, (404, "not_found")); // the package is what is missing
    let answer = operators.post("/campaigns", json!({"package_id": 1, "devices": [["x"]]})).await;
    Operators::refused(answer, (400, "bad_json"));
}

#[tokio::test]
async fn what_is_not_there_is_404_and_says_where_to_look() {
    let operators = Operators::new().await;
    for path in ["/products/a1/devices", "/campaigns/1", "/campaigns/1/tasks"] {
        let answer = operators.get(path).await;
        assert!(answer.1["error"]["next_step"].is_string(), "{path}");
        Operators::refused(answer, (404, "not_found"));
    }
    Operators::refused(operators.get("/nowhere").await, (404, "not_found"));
    Operators::refused(operators.call(Method::DELETE, "/products", "").await, (405, "wrong_method"));
    Operators::refused(operators.post("/campaigns", json!({"package_id": 1})).await, (404, "not_found"));
    let device = operators.post("/products/a1/devices", json!({"device_name": "d"})).await;
    Operators::refused(device, (404, "not_found"));
    Operators::refused(operators.post("/campaigns/1/cancel", json!({})).await, (404, "not_found"));
}

#[tokio::test]
async fn what_is_there_already_is_409_and_stays_as_it_was() {
    let operators = Operators::new().await;
    let product = json!({"product_key": "a1", "dialect": "aliyun"});
    assert_eq!(operators.post("/products", product.clone()).await.0, 201);
    Operators::refused(operators.post("/products", product).await, (409, "already_exists"));
    let device = json!({"device_name": "d", "device_secret": "first"});
    assert_eq!(operators.post("/products/a1/devices", device).await.1["device_secret"], "first");
    let again = operators.post("/products/a1/devices", json!({"device_name": "d"})).await;
    Operators::refused(again, (409, "already_exists"));
    let blank =
        operators.post("/products/a1/devices", json!({"device_name": "e", "device_secret": " "})).await;
    Operators::refused(blank, (400, "bad_secret"));
}

#[tokio::test]
async fn lists_come_in_pages_that_join_without_gaps() {
    let operators = Operators::new().await;
    operators.post("/products", json!({"product_key": "a1", "dialect": "aliyun"})).await;
    for n in 0..7 {
        operators.post("/products/a1/devices", json!({"device_name": format!("d{n}")})).await;
    }
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let (status, page) = operators.get(&format!("/products/a1/devices?limit=3{after}")).await;
        assert_eq!(status, 200);
        names.extend(page["devices"].as_array().unwrap().iter().map(|device| device["device_name"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names, (0..7).map(|n| json!(format!("d{n}"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_upload_must_declare_its_length_and_have_bytes() {
    let operators = Operators::new().await;
    Operators::refused(operators.call(Method::PUT, "/files", "123").await, (411, "length_required"));
    for (declared, sent, code) in [("0", "", "empty_file"), ("2", "123", "too_long"), ("4", "123", "cut_off")]
    {
        let request = Request::put("/api/v1/files")
            .header("Authorization", format!("Bearer {}", operators.token))
            .header("Content-Length", declared);
        Operators::refused(operators.send(request.body(sent.into()).unwrap()).await, (400, code));
    }
    let request = Request::put("/api/v1/files")
        .header("Authorization", format!("Bearer {}", operators.token))
        .header("Content-Length", (2_u64 << 30).to_string());
    Operators::refused(operators.send(request.body("".into()).unwrap()).await, (413, "too_large"));
    assert_eq!(operators.kept(), 0);
}

#[tokio::test]
async fn an_upload_cut_off_half_way_leaves_no_file_and_no_package() {
    let operators = Operators::new().await;
    let (address, _stop, _) = listening(operators.router.clone(), Limits::default()).await;
    let image = vec![7; 3 << 20];
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(put_request(&operators.token, image.len()).as_bytes()).await.unwrap();
    stream.write_all(&image[..image.len() / 2]).await.unwrap();
    while operators.kept() == 0 {
        tokio::task::yield_now().await; // until it is being written
    }
    drop(stream);
    let gone = async {
        while operators.kept() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.expect("half a file stays");
    let sha256 = FileId(Sha256::digest(&image).into());
    let package =
        json!({"product_key": "a1", "version": "2", "files": [{"name": "a", "sha256": sha256.to_string()}]});
    operators.post("/products", json!({"product_key": "a1", "dialect": "aliyun"})).await;
    Operators::refused(operators.post("/packages", package).await, (404, "not_found"));
}

#[tokio::test]
async fn two_uploads_of_the_same_file_at_once_both_succeed_and_are_kept_once() {
    let operators = Operators::new().await;
    let (address, _stop, _) = listening(operators.router.clone(), Limits::default()).await;
    let image = vec![7; 3 << 20];
    let mut request = put_request(&operators.token, image.len()).into_bytes();
    request.extend(&image);
    let (one, two) = tokio::join!(ask(address, &request), ask(address, &request));
    assert_eq!((one.code(), two.code()), ("201", "201"));
    assert_eq!(one.body, two.body);
    assert_eq!(operators.kept(), 1);
}

/// A disk that fills after so many bytes.
struct FillsUp(LocalFiles, usize);

impl Files for FillsUp {
    fn put<'a>(&'a self, size: u64, body: ByteStream<'a>) -> BoxFuture<'a, Result<Stored, PutError>> {
        let mut room = self.1;
        let until_full = body.map(move |chunk| {
            let chunk = chunk?;
            room = room.checked_sub(chunk.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(chunk)
        });
        Box::pin(async move {
            match self.0.put(size, Box::pin(until_full)).await {
                Err(PutError::CutOff { cause: Some(full), .. })
                    if full.kind() == std::io::ErrorKind::StorageFull =>
                {
                    Err(PutError::Full { size })
                }
                other => other,
            }
        })
    }

    fn open(&self, id: FileId) -> BoxFuture<'_, Result<Box<dyn OpenFile>, OpenError>> {
        self.0.open(id)
    }

    fn check(&self) -> BoxFuture<'_, std::io::Result<()>> {
        Box::pin(async { Err(std::io::ErrorKind::StorageFull.into()) })
    }
}

#[tokio::test]
async fn a_full_disk_is_507_keeps_what_was_there_and_shows_in_the_health_check() {
    let operators = Operators::keeping_files_in(|files| Arc::new(FillsUp(files, 1000))).await;
    let (address, _stop, _) = listening(operators.router.clone(), Limits::default()).await;
    let mut small = put_request(&operators.token, 9).into_bytes();
    small.extend(b"123456789");
    assert_eq!(ask(address, &small).await.code(), "201");
    let mut large = put_request(&operators.token, 100_000).into_bytes();
    large.extend(vec![7; 100_000]);
    let refused = ask(address, &large).await;
    let answer = serde_json::from_slice(&refused.body).unwrap();
    Operators::refused((refused.code().parse().unwrap(), answer), (507, "disk_full"));
    assert_eq!(operators.kept(), 1);
    let health = operators.send(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(health, (503, json!({"status": "failing", "mqtt": true, "store": true, "files": false})));
}

#[tokio::test]
async fn healthz_and_metrics_need_no_token() {
    crate::http::recorder();
    let operators = Operators::new().await;
    let get = |path| operators.router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    let health = get("/healthz").await.unwrap();
    assert_eq!(health.status(), 200);
    operators.get("/products").await;
    let text = get("/metrics").await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let line = r#"otaru_http_answers_total{route="/api/v1/products",status="200"}"#;
    assert!(text.contains(line), "{text}");
}
