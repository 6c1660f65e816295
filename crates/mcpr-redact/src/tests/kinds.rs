//! Every way in which a text can give a value to a key: the value goes, whole, and what stands beside
//! it stays. `§` stands for a secret, which is made up at the time of the test, so that no scanner takes
//! this file for a leak.

use super::redactor;

/// Texts with secrets.
#[rustfmt::skip]
const TEXTS: &[(&str, &str)] = &[
    ("base64", "SECRET_BASE64=§"),
    ("percent", "POST body=%7B%22password%22%3A%22§%22%2C%22x%22%3A1%7D"),
    ("percent address", "to https%3A%2F%2Fbob%3A§%40h%2Fp"),
    ("entities", "&quot;api_key&quot;: &quot;§&quot;, &quot;b&quot;: 1"),
    ("element in entities", "&lt;password&gt;§&lt;/password&gt;"),
    ("numbered entities", "password&#61;&#x22;§&#x22; rest"),
    ("hex escapes", r#""POST /" body \x22password\x22:\x22§\x22"#),
    ("unicode escapes", r"text \u0022password\u0022: \u0022§\u0022, \u0022a\u0022:1"),
    ("JSON with other quotes", r#"{"password":'§'}"#),
    ("doubled apostrophe", "password='it''s§'"),
    ("doubled apostrophe of YAML", "password: 'it''s §'"),
    ("doubled quote", "password=\"a\"\"§\""),
    ("name cut at its start", "refreshToken\":\"§\",\"x\":1"),
    ("go bytes", "password := []byte(\"§\")"),
    ("go var", "var password string = \"§\""),
    ("c array", "char password[64] = \"§\";"),
    ("c++ braces", "std::string password{\"§\"};"),
    ("tag of YAML", "password: !!str §"),
    ("said", "the password is \"§\""),
    ("sql for", "SET PASSWORD FOR 'bob' = '§'"),
    ("constructor", "Password(value='§')"),
    ("element within a named one", "<setting name=\"ApiKey\"><value>§</value></setting>"),
    ("member between", "- name: DB_PASSWORD\n  description: of the db\n  value: §"),
    ("typed by label", "await page.getByLabel('Password').fill('§');"),
    ("typed by role", "await page.getByRole('textbox', { name: 'Password' }).pressSequentially('§');"),
    ("typed by selector", "page.fill('#password', '§')"),
    ("typed by selenium", "driver.find_element(By.ID, \"password\").send_keys(\"§\")"),
    ("curl attached", "curl -ubob:§ https://h"),
    ("curl sign", "curl --user=bob:§ https://h"),
    ("az", "az login -u x -p § --tenant y"),
    ("7z", "7z x -p§ a.7z"),
    ("openssl", "openssl pkcs12 -passin pass:§ -in x"),
    ("setx", "setx API_KEY \"§\""),
    ("csrf", "_csrf=§"),
    ("code of a login", "https://h/cb?code=§§&state=1"),
    ("ssh2", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n§\n§\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"),
    ("putty", "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 2\n§\n§\nPrivate-MAC: 12ab"),
    ("rust", r#"Config { token: Secret("§"), x: 1 }"#),
    ("rust2", r#"Credentials { password: SecretString(Some("§")) }"#),
    ("py bytes", "login(password=b'§', x=1)"),
    ("py raw", r#"{'password': r'§"§', 'user': 'bob'}"#),
    ("py tuple", "{'passwords': ('§', '§')}"),
    ("py list", "api_keys=['§', '§']"),
    ("eqeq", r#"if password == "§" then"#),
    ("neq", "if (apiKey !== '§') return"),
    ("go map", "map[Authorization:[Bearer §] Accept:[x]]"),
    ("go struct", "{User:bob Password:§ Host:x}"),
    ("lua", r#"config["password"] = "§""#),
    ("php", "$config['db_password'] = '§';"),
    ("php2", "'password' => '§',"),
    ("perl", r#"password => q"§""#),
    ("backtick", "const secret = `§`;"),
    ("digest", r#"Proxy-Authorization: Digest username="bob", response="§", nonce="abc""#),
    ("aws4", "Authorization: AWS4-HMAC-SHA256 Credential=AKID/2013/us-east-1, SignedHeaders=host, Signature=§"),
    ("cookie multi", r#"Set-Cookie: sid="§"; Path=/; token=§; HttpOnly"#),
    ("cookie2", "> Cookie: theme=dark; session=§"),
    ("curl dq", r#"curl -H "Cookie: a=\"§\"; b=§" https://h"#),
    ("curl sq", "curl -H 'Authorization: Bearer §' https://h"),
    ("curl u", "curl -u admin:§ https://h/x"),
    ("curl u q", r#"curl --user "admin:§" https://h/x"#),
    ("tail semi", "Server=db;Password=§;§!x;Database=x"),
    ("tail comma", "password=§,§, user=bob"),
    ("tail paren", "connect(password=§)§, 1)"),
    ("tail quote", r#"password=§"§"§"#),
    ("tail brace", "url?password=§}§ end"),
    ("shell concat", r#"export TOKEN="§"§'§'"#),
    ("plus", r#"password = "§" + "§""#),
    ("env", "export DB_PASSWORD=§"),
    ("dotenv", "A=1\nSECRET_KEY_BASE=§\nB=2"),
    ("yaml", "db:\n  password: §\n  host: x"),
    ("yaml comment", "password: § # the password"),
    ("yaml block", "key: x\npassword: |\n  §\n  §\nnext: 1"),
    ("yaml fold", "- secret: >-\n    §\n    §\n  other: y"),
    ("yaml list", "passwords:\n  - §\n  - §\nuser: x"),
    ("yaml next", "password:\n  §\nuser: x"),
    ("k8s", "env:\n- name: DB_PASSWORD\n  value: §\n- name: X\n  value: y"),
    ("k8s q", "- name: API_TOKEN\n  value: \"§\""),
    ("pair text", r#"got {"name": "API_KEY", "value": "§"} back"#),
    ("pair rev", r#"got {"value": "§", "name": "API_KEY"} back"#),
    ("pair esc", r#"got {\"key\":\"password\",\"value\":\"§\"} back"#),
    ("argv text", "spawn ['node', '--token', '§', '--port', '80']"),
    ("argv text2", r#"["mcp","--api-key","§"] failed"#),
    ("raw text", r#"headers: ["Host", "x", "Authorization", "Bearer §"] rejected"#),
    ("tuple text", "[('Authorization', 'Bearer §'), ('x', 'y')]"),
    ("call text", r#"request.setRequestHeader("Authorization", "Bearer §");"#),
    ("xml attr", r#"<add key="DbPassword" value="§" />"#),
    ("xml attr rev", r#"<add value="§" key="DbPassword" />"#),
    ("xml prop", r#"<property name="password">§</property>"#),
    ("xml attrs", r#"<db password="§" user='x'/>"#),
    ("xml elem attr", r#"<ns:apiKey enc="none">§</ns:apiKey>"#),
    ("xml cdata", "<password><![CDATA[§]]></password>"),
    ("plist", "<key>ApiToken</key>\n  <string>§</string>"),
    ("json esc2", r#"{\"password\":\"§\",\"x\":1}"#),
    ("json odd", r#""password":"§"}}]"#),
    ("sql", "ALTER USER bob WITH PASSWORD '§';"),
    ("sql2", "CREATE USER x IDENTIFIED BY '§'"),
    ("libpq", "host=db user=x password='§' dbname=y"),
    ("jdbc", "jdbc:sqlserver://h;user=sa;password=§;encrypt=true"),
    ("gomysql", "dsn root:§@tcp(127.0.0.1:3306)/db"),
    ("redis", "redis://:§@h:6379/0"),
    ("mongo", "mongodb+srv://u:§@§/§?d@h.example.com/db"),
    ("query", "GET /x?access_token=§&page=2 HTTP/1.1"),
    ("query2", "https://h/cb#id_token=§&state=1"),
    ("query3", "https://h/p?X-Amz-Signature=§&X-Amz-Credential=§"),
    ("basic auth url", "https://bob:§@h/x"),
    ("sas", "https://x.blob.core.windows.net/c?sv=2020&sig=§"),
    ("type", r#"let password: &str = "§";"#),
    ("type2", "const apiKey: string = '§';"),
    ("ini", "[db]\npassword = §\nuser = x"),
    ("props", "db.password=§"),
    ("toml", r#"api_key = """§""""#),
    ("npmrc", "//registry.npmjs.org/:_authToken=§"),
    ("md table", "| API_KEY | § |"),
    ("md bold", "**Password:** §"),
    ("header esc", "\"GET / HTTP/1.1\\\nAuthorization: Basic §\\\nHost: x\\\n\""),
    ("header sp", "authorization : Bearer §"),
    ("hex", r#"token => "§""#),
    ("percent", "password%3D§%26x%3D1"),
    ("option", "mysqldump --password § db"),
    ("option2", r#"cli --api-key="§" x"#),
    ("set", "set SECRET=§"),
    ("ps", r#"$env:API_KEY = "§""#),
    ("colon nospace", "password:§"),
    ("debug of Rust", r#"Config { user: "a", password: Some("§") }"#),
    ("list in text", r#"body was {"password":["§"]}"#),
    ("go", r#"cfg.Password := "§""#),
    ("rails", r#"Authorization: Token token="§""#),
    ("cookie", r#"Cookie: a="x"; sid=§"#),
    ("ampersand", "login failed: password=§&§"),
    ("azure", "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=§==;EndpointSuffix=x"),
    ("ruby", r#"connect: {:host=>"h", :password=>"§"}"#),
    ("xml", "<server><password>§</password></server>"),
    ("slash", "postgres://app:§/§@db:5432/app"),
    ("cut", r#"{"a":1,"password":"§ and m"#),
    ("key cut at its start", "§§§§\n-----END RSA PRIVATE KEY-----\nx"),
    ("rust dbg", r#"Auth { api_key: Some(SecretString("§")), retries: 3 }"#),
    ("rust ok", r#"token: Ok("§")"#),
    ("py repr", "Credentials(password=SecretStr('§'))"),
    ("py dict", "{'db': {'password': '§', 'u': 1}}"),
    ("java", r#"Config[password="§", url=x]"#),
    ("java map", "{password=§, user=bob}"),
    ("scala", r#"Some(password -> "§")"#),
    ("elixir", r#"%{password: "§", user: "x"}"#),
    ("clojure", r#"{:password "§"}"#),
    ("js tpl", "apiKey=`§`"),
    ("ps", r#"$password = ConvertTo-SecureString "§" -AsPlainText"#),
    ("bash", "export AWS_SECRET_ACCESS_KEY='§'"),
    ("bash2", "PGPASSWORD=§ psql -h db"),
    ("docker", "docker run -e MYSQL_ROOT_PASSWORD=§ mysql"),
    ("docker login", "docker login -u bob --password § reg"),
    ("mysql p", "mysql -uroot -p§ db"),
    ("sshpass", "sshpass -p '§' ssh x"),
    ("redis a", "redis-cli -h x -a § ping"),
    ("hdr bracket", "headers: {Authorization: [Bearer §]}"),
    ("hdr list", r#"authorization: ["Bearer §"]"#),
    ("hdr x", "x-api-key: §"),
    ("set-cookie", r#"set-cookie: __Host-session="§"; Secure"#),
    ("hmac", "Authorization: HMAC-SHA256 key=§, sig=§"),
    ("vapid", "Authorization: vapid t=§, k=§"),
    ("curl hdr", "curl --header 'X-Auth-Token: § def' u"),
    ("curl hdr2", r#"-H "PRIVATE-TOKEN: §""#),
    ("curl data", "curl -d 'grant_type=password&username=u&password=§' u"),
    ("tail pipe", "password=§ "),
    ("tail hash", "password=§ next"),
    ("tail lt", "password=§ next"),
    ("tail gt", "password=§ next"),
    ("tail back", "password=§ next"),
    ("tail dollar", "password=§ next"),
    ("tail at", "password=§ next"),
    ("tail star", "password=§ next"),
    ("tail colon", "passwd: §"),
    ("tail excl", r#"secret="§ "#),
    ("json nl", "{\n  \"apiKey\" :\n    \"§\"\n}"),
    ("json arr obj", r#"auth: [{"password": "§"}]"#),
    ("azure 2", "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=§="),
    ("azure 3", "BlobEndpoint=https://x;SharedAccessSignature=§"),
    ("odbc", "Driver={X};Server=h;Uid=u;Pwd={§};"),
    ("jdbc ora", "jdbc:oracle:thin:scott/§@h:1521:xe"),
    ("amqp", "amqps://u:§@h/v"),
    ("smtp", "smtp://user%40x:§@h:587"),
    ("ftp", "ftp://bob:§@h/x"),
    ("git", "https://x-access-token:§@github.com/x/y.git"),
    ("url frag", "http://cb/#access_token=§&token_type=bearer"),
    ("url pwd", "https://h/login?user=bob&pwd=§&z=1"),
    ("url key", "https://maps.example.com/api?key=§&q=1"),
    ("url code sas", "https://x/?sv=1&sig=§&se=2"),
    ("xml multi", "<user>\n  <password>\n    §\n  </password>\n</user>"),
    ("xml attr order", r#"<param value='§' type="x" name='password'/>"#),
    ("xml soap", r#"<wsse:Password Type="x#PasswordText">§</wsse:Password>"#),
    ("xml env", r#"<env name="API_TOKEN" value="§"/>"#),
    ("yaml tag", "password: !vault |\n  $ANSIBLE_VAULT;1.1\n  §"),
    ("yaml anchor", "password: &pw §"),
    ("yaml quoted", r#""password": '§'"#),
    ("yaml nested", "auth:\n    username: x\n    password: §"),
    ("yaml flow", "{user: bob, password: §, x: 1}"),
    ("yaml list obj", "- key: SECRET_KEY\n  value: |\n    §\n    §"),
    ("toml", "[auth]\ntoken = '§'"),
    ("ini sp", "[client]\npassword=§"),
    ("env q", "SECRET='§'"),
    ("env cont", r#"API_TOKEN="§""#),
    ("helm", "--set auth.password=§,x=1"),
    ("kv colon", "user: bob password: § host: x"),
    ("log", "2026 INFO login user=bob pass=§ ok"),
    ("log2", "auth failed (user=bob, password=§)"),
    ("netrc", "machine h login bob password §"),
];

/// JSON with secrets.
#[rustfmt::skip]
const DOCUMENTS: &[(&str, &str)] = &[
    ("argv attached", r#"{"argv":["/usr/bin/mysql","-u","root","-p§","db"]}"#),
    ("web key", r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1B","d":"§"}"#),
    ("new value", r#"{"field":"password","newValue":"§"}"#),
    ("default", r#"{"variable":"DB_PASSWORD","default":"§"}"#),
    ("other quotes", r#"{"user":"x","password":'§'}"#),
    ("pair", r#"{"value":"§","name":"API_KEY"}"#),
    ("pair Key", r#"{"Key":"DbPassword","Value":"§"}"#),
    ("pair otlp", r#"{"key":"password","value":{"stringValue":"§"}}"#),
    ("pair rev obj", r#"{"value":{"stringValue":"§"},"key":"password"}"#),
    ("nested", r#"{"content":[{"type":"text","text":"{\"env\":[{\"value\":\"§\",\"name\":\"API_KEY\"}]}"}]}"#),
    ("raw", r#"{"rawHeaders":["Host","x","Authorization","Bearer §","X-Api-Key","§","Accept","*/*"]}"#),
    ("hdrs", r#"{"headers":[["Authorization","Basic §"],["accept","x"]]}"#),
    ("argv eq", r#"{"args":["--api-key=§","-v"]}"#),
    ("argv H", r#"{"args":["-H","Authorization: Bearer §"]}"#),
    ("argv u", r#"{"command":"curl","args":["-u","bob:§","https://x"]}"#),
    ("env", r#"{"env":["PATH=/bin","DB_PASSWORD=§"]}"#),
    ("docker", r#"{"Env":{"POSTGRES_PASSWORD":"§"}}"#),
    ("browser", r#"{"element":"Password input","ref":"e1","text":"§"}"#),
    ("browser2", r#"{"fields":[{"name":"Password","type":"textbox","ref":"e5","value":"§"}]}"#),
    ("secret string", r#"{"Name":"x","SecretString":"§"}"#),
    ("argv", r#"{"command":"x","args":["--token","§"]}"#),
    ("tokens", r#"{"tokens":["§"]}"#),
    ("keys", r#"{"master_key":"§","consumer_key":"§","service_role_key":"§"}"#),
    ("camel", r#"{"clientSecret":"§","refreshToken":"§","privateKeyPem":"§"}"#),
    ("pair2", r#"{"env":[{"value":"§","secure":true,"key":"PASSWORD"}]}"#),
    ("pair3", r#"{"Name":"/prod/db/password","Value":"§","Type":"SecureString"}"#),
    ("hdr obj", r#"{"headers":{"x-api-key":["§"],"Cookie":"a=§"}}"#),
    ("har", r#"{"headers":[{"value":"Bearer §","name":"Authorization"}]}"#),
    ("form", r#"{"params":[{"name":"password","fileName":null,"value":"§"}]}"#),
    ("argv2", r#"{"argv":["prog","--password","§","--token=§","-v"]}"#),
    ("argv3", r#"["--header","X-Api-Key: §"]"#),
    ("sh", r#"{"command":"export GH_TOKEN=§ && gh pr list"}"#),
    ("url", r#"{"url":"https://u:§@h/x?api_key=§"}"#),
    ("deep", r#"{"a":{"b":[{"password":{"value":"§"}}]}}"#),
    ("tuple", r#"{"headers":[["X-Api-Key","§"],["Accept","*/*"]]}"#),
    ("raw2", r#"{"raw_headers":["cookie","sid=§","host","h"]}"#),
    ("kvlist", r#"{"attributes":[{"key":"http.request.header.authorization","value":{"arrayValue":{"values":[{"stringValue":"Bearer §"}]}}}]}"#),
];

/// The text with a secret of its own in the place of every `§`.
pub(super) fn filled(text: &str, random: &mut fastrand::Rng) -> (String, Vec<String>) {
    let (mut whole, mut secrets) = (String::new(), Vec::new());
    for (index, part) in text.split('§').enumerate() {
        if index > 0 {
            let letters = (0..8).map(|_| random.alphanumeric());
            let secret = format!("q{}7{}", letters.collect::<String>(), random.u8(10..99));
            whole.push_str(&secret);
            secrets.push(secret);
        }
        whole.push_str(part);
    }
    (whole, secrets)
}

pub(super) fn random() -> fastrand::Rng {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    fastrand::Rng::with_seed(seed)
}

#[test]
fn a_value_goes_to_the_end_of_its_quote_bracket_call_line_or_word() {
    let mut random = random();
    for (name, text) in TEXTS {
        let (text, secrets) = filled(text, &mut random);
        let (clean, _) = redactor()
            .text(&text)
            .unwrap_or_else(|| panic!("{name}: {text}"));
        for secret in secrets {
            assert!(!clean.contains(&secret), "{name}: {text} -> {clean}");
        }
        assert_eq!(redactor().text(&clean), None, "{name}: {clean}");
    }
}

#[test]
fn a_value_of_json_goes_wherever_its_name_stands() {
    let mut random = random();
    for (name, json) in DOCUMENTS {
        let (json, secrets) = filled(json, &mut random);
        let nested = serde_json::Value::from(&*json).to_string();
        let within = serde_json::json!({ "text": format!("answer {{1}}: {json} and so on") });
        let nested = format!("{{\"text\":{nested}}}");
        for json in [json, nested, within.to_string()] {
            let clean = redactor().json(&json, usize::MAX).text;
            for secret in &secrets {
                assert!(!clean.contains(secret), "{name}: {json} -> {clean}");
            }
            let again = redactor().json(&clean, usize::MAX);
            assert_eq!((&again.text, again.redacted), (&clean, 0), "{name}");
        }
    }
}

#[test]
fn a_name_that_the_limit_cuts_off_still_hides_its_value() {
    let (json, secrets) = filled(
        r#"{"value":"§","x":"0123456789","name":"API_KEY"}"#,
        &mut random(),
    );
    for limit in 0..json.len() + 16 {
        let clean = redactor().json(&json, limit).text;
        assert!(!clean.contains(&secrets[0]), "{limit}: {clean}");
    }
}
