//! Forms in which a program, a protocol or a table gives a secret without a sign between its name and
//! itself, each beside ordinary text of the same form. `§` stands for a secret that is made up.

use super::kinds::{filled, random};
use super::redactor;

/// Texts with secrets, by the kind of form.
#[rustfmt::skip]
const TEXTS: &[(&str, &[&str])] = &[
    ("arguments of a program in a list", &[
        "['sshpass', '-p', '§', 'ssh', 'h']",
        "run [\"sshpass\", \"-p\", \"§\", \"ssh\", \"h\"] failed",
        "[\"docker\",\"login\",\"-u\",\"bob\",\"-p\",\"§\",\"reg\"]",
        "subprocess.run([\"mysql\", \"-uroot\", \"-p§\", \"db\"])",
        "exec [\\\"podman\\\",\\\"login\\\",\\\"-p\\\",\\\"§\\\"]",
        "[\"redis-cli\", \"-h\", \"x\", \"-a\", \"§\"]",
        "spawn('ldapsearch', ['-x', '-w', '§'])",
    ]),
    ("arguments of a program on a line", &[
        "sshpass -p § ssh h",
        "sshpass -p§ ssh h",
        "mysql -p§ db",
        "mysqldump -uroot -p'§' db",
        "docker login -p § -u bob reg",
        "docker login --username bob -p § reg",
        "mongosh -u root -p § db",
        "helm registry login -u u -p § reg",
        "smbclient //h/s -U bob%§",
        "lftp -u bob,§ h",
        "xfreerdp /u:bob /p:§ /v:h",
        "htpasswd -b .htpasswd bob §",
        "net user bob § /add",
        "echo § | docker login --password-stdin reg",
        "echo '§' | sudo -S apt update",
        "echo \"bob:§\" | chpasswd",
        "docker login --password-stdin <<< '§'",
        "gh secret set API_TOKEN --body §",
        "gh secret set API_TOKEN -b\"§\"",
    ]),
    ("dump of PHP", &[
        "Array\n(\n    [user] => bob\n    [password] => §\n    [port] => 3306\n)",
        "array(2) {\n  [\"password\"]=>\n  string(12) \"§\"\n  [\"x\"]=>\n  int(1)\n}",
        "array (size=1)\n  'password' => string '§' (length=12)",
        "object(Db)#1 (2) {\n  [\"password\":protected]=>\n  string(12) \"§\"\n}",
        "Db Object\n(\n    [password:Db:private] => §\n)",
        "a:2:{s:4:\"user\";s:3:\"bob\";s:8:\"password\";s:12:\"§\";}",
        "array ( 'password' => '§', )",
    ]),
    ("dump of another language", &[
        "Map(1) { 'password' => '§' }",
        "OrderedDict([('password', '§')])",
        "#{<<\"password\">> => <<\"§\">>}",
        "{password,\"§\"}",
        "((password . \"§\"))",
        "map[string]string{\"password\":\"§\"}",
        "Password      : §",
        "{\n    password = §;\n}",
    ]),
    ("text up to a word of its own", &[
        "PASSWORD=$(cat <<EOF\n§\nEOF\n)",
        "password = <<EOT\n§\n§\nEOT\nuser = \"x\"",
        "$password = <<<'EOT'\n§\nEOT;",
        "secret = <<~TEXT\n  §\nTEXT",
        "cat > /run/secrets/db_password <<'EOF'\n§\nEOF",
        "docker login --password-stdin <<EOF\n§\nEOF",
        "api_token <<-END\n\t§\n\tEND",
    ]),
    ("new value beside the old one", &[
        "  ~ password = \"§\" -> \"§\"",
        "      ~ db_password         = \"§\" -> \"§\" # forces replacement",
        "~ password: \"§\" => \"§\"",
        "      - password = \"§\" -> null",
        "password changed from '§' to '§'",
        "API_KEY: '§' → '§'",
        "password: § -> §",
    ]),
    ("header over lines", &[
        "Authorization: Bearer\r\n §\r\nHost: x",
        "Authorization: Digest username=\"bob\",\r\n\tresponse=\"§\",\r\n\tnonce=\"§\"\r\nHost: x",
        "Cookie: theme=dark;\n session=§;\n id=§\nHost: x",
        "Authorization:\r\n  Basic §\r\nHost: x",
        "X-Api-Key:\n §\nHost: x",
        "\"Authorization: Bearer\\r\\n §\\r\\nHost: x\"",
        "Authorization: Bearer §\r\n §\r\nHost: x",
    ]),
    ("name and value that are called together", &[
        "{parameterName: 'DbPassword', parameterValue: '§'}",
        "ParameterKey=DbPassword,ParameterValue=§",
        "- headerName: Authorization\n  headerValue: Bearer §",
        "option_name = 'api_key', option_value = '§'",
        "<config_key>password</config_key><config_value>§</config_value>",
        "settingValue: \"§\", settingName: \"SmtpPassword\"",
    ]),
    ("value where none is given", &[
        "variable \"db_password\" {\n  type    = string\n  default = \"§\"\n}",
        "- name: DB_PASSWORD\n  default: §",
        "password:\n  type: string\n  default: §",
        "@click.option('--password', default='§')",
        "parser.add_argument(\"--token\", required=False, default=\"§\")",
        "process.env.API_KEY || '§'",
        "process.env.DB_PASSWORD ?? \"§\"",
        "os.environ.get(\"DB_PASSWORD\") or \"§\"",
        "os.environ.get('DB_PASSWORD', '§')",
        "echo ${DB_PASSWORD:-§}",
        "${db.password:§}",
        "ENV.fetch(\"API_KEY\") { \"§\" }",
    ]),
    ("tag of YAML", &[
        "password: !!str §",
        "password: !!str \"§\"",
        "password: !<tag:yaml.org,2002:str> §",
        "password: !!str |\n  §\nuser: x",
        "- name: DB_PASSWORD\n  value: !!str §",
        "password: &pw !!str §",
        "? password\n: §",
    ]),
    ("element within the named one", &[
        "<secret><value>§</value></secret>",
        "<password>\n  <plainText>§</plainText>\n</password>",
        "<apiKey><string>§</string></apiKey>",
        "<entry><key>password</key><value>§</value></entry>",
        "<entry><string>password</string><string>§</string></entry>",
        "<member><name>password</name><value><string>§</string></value></member>",
        "<param><name>password</name><value>§</value></param>",
        "<Parameter><Name>ApiKey</Name><Type>x</Type><Value>§</Value></Parameter>",
        "<item><key xsi:type=\"xsd:string\">password</key><value xsi:type=\"xsd:string\">§</value></item>",
        "<secret><data><![CDATA[§]]></data></secret>",
    ]),
    ("call", &[
        "setPassword(\"§\")",
        "user.setPassword( '§' );",
        "builder.withPassword(\"§\").build()",
        "client.set_api_key(\"§\")",
        "Config::builder().password(\"§\")",
        "dataSource.setUser(\"sa\"); dataSource.setPassword(\"§\");",
        "HTTPBasicAuth(\"bob\",\"§\")",
        "requests.get(u, auth=HTTPBasicAuth('bob', '§'))",
        "requests.get(u, auth=('bob', '§'))",
        "new NetworkCredential(\"bob\", \"§\", \"dom\")",
        "req.SetBasicAuth(\"bob\", \"§\")",
        "client.basic_auth(\"bob\", Some(\"§\"))",
        "aiohttp.BasicAuth(login='bob', password='§')",
        "new UsernamePasswordCredentials(\"bob\", \"§\".toCharArray())",
        "new PasswordAuthentication(\"bob\", \"§\".toCharArray())",
        "smtp.login(\"bob@h\", \"§\")",
        "ftp.login('bob', '§')",
        "DriverManager.getConnection(\"jdbc:x\", \"sa\", \"§\")",
        "mysqli_connect('h', 'bob', '§', 'db')",
        "new PDO($dsn, 'bob', '§')",
        "Credentials.basic(\"bob\", \"§\")",
        "request.basic_auth 'bob', '§'",
        "set_password!('§')",
    ]),
    ("variable that is set without a sign", &[
        "set -x API_KEY §",
        "set -gx DB_PASSWORD '§'",
        "set --export --global API_TOKEN \"§\"",
        "set -Ux API_TOKEN §",
        "setx API_KEY §",
        "setx API_KEY § /M",
        "setx /M API_KEY \"§\"",
        "setenv API_KEY §",
        "SetEnv DB_PASSWORD §",
        "ENV API_KEY §",
        "ENV DB_PASSWORD \"§\"",
        "launchctl setenv API_TOKEN §",
        "aws configure set aws_secret_access_key §",
        "git config --global github.token §",
        "npm config set //registry.npmjs.org/:_authToken §",
        "pulumi config set --secret dbPassword §",
        "redis-cli CONFIG SET requirepass §",
        "requirepass §\nmasterauth §",
        "bindpw §",
        "proxy_set_header Authorization \"Bearer §\";",
        "RequestHeader set Authorization \"Bearer §\"",
        "reg add HKCU\\x /v Password /t REG_SZ /d §",
        "fastcgi_param DB_PASSWORD §;",
        "spring.datasource.password §",
    ]),
    ("key of one more kind", &[
        "psk=§",
        "psk=\"§\"",
        "network={\n    ssid=\"x\"\n    psk=\"§\"\n}",
        "wifi_key: §",
        "wpa_passphrase=§",
        "ssn: 078-05-1120§",
        "mfa_code=§",
        "mfa_code: §",
        "otp: §",
        "otp_code=§",
        "one_time_code: §",
        "verification_code=§",
        "cvv=§",
        "card_number: §",
    ]),
    ("row of SQL", &[
        "INSERT INTO users (name, password) VALUES ('bob', '§')",
        "insert into `users` (`id`,`api_key`,`name`) values (1,'§','x'),(2,'§','y');",
        "INSERT INTO users (name, \"password\") VALUES ('a, (b', '§') ON CONFLICT DO NOTHING",
        "REPLACE INTO s (k, token) VALUES\n  ('a''b', '§'),\n  ('c', '§')",
        "INSERT INTO users (name, password) VALUES ('bob', crypt('§', gen_salt('bf')))",
        "COPY public.users (id, password, name) FROM stdin;\n1\t§\tbob\n2\t§\tal\n\\.\n",
        "UPDATE users SET password = '§' WHERE id = 1",
    ]),
    ("table", &[
        "name,password,url\nbob,§,http://h\nal,§,http://h",
        "\"name\",\"password\"\n\"bob, jr\",\"§\"",
        "name;password;x\r\nbob;§;1\r\n",
        "user\tapi_key\nbob\t§\nal\t§",
        "| user | password |\n|------|----------|\n| bob | § |\n| al | § |",
        "user | token\n--- | ---\nbob | §",
        " id | name | password \n----+------+----------\n  1 | bob  | §\n  2 | al   | §\n(2 rows)",
        "+----+----------+\n| id | password |\n+----+----------+\n|  1 | §   |\n+----+----------+",
        "│ user │ api_key │\n├──────┼─────────┤\n│ bob  │ § │",
        "export:\nname,password\nbob,§\n\nthe end",
    ]),
    ("line of a protocol", &[
        "EHLO h\r\nAUTH PLAIN §§§§\r\n",
        "AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n§\r\n334 UGFzc3dvcmQ6\r\n§\r\n235 ok",
        "AUTH PLAIN\r\n334 \r\n§\r\n235 ok",
        "C: AUTH LOGIN §§\nS: 334 UGFzc3dvcmQ6\nC: §",
        "> USER bob\n< 331 password please\n> PASS §\n< 230 ok",
        "USER bob\r\nPASS §\r\n230 logged in",
        "---> PASS §\n<--- 230 ok",
        "a1 LOGIN bob §\r\na1 OK",
        "+OK ready\nUSER bob\n+OK\nPASS §",
        "1) AUTH §",
        "AUTH default §",
        "PRIVMSG NickServ :IDENTIFY §",
        "AUTHENTICATE PLAIN §§§§",
    ]),
];

/// The same as members of JSON.
#[rustfmt::skip]
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("arguments of a program", &[
        r#"{"args":["sshpass","-p","§","ssh","h"]}"#,
        r#"{"command":"sshpass","args":["-p","§","ssh","h"]}"#,
        r#"{"args":["-p","§","ssh","h"],"command":"/usr/bin/sshpass"}"#,
        r#"{"command":"mysql","args":["-uroot","-p§"]}"#,
        r#"{"args":["-uroot","-p§"],"command":"mysql"}"#,
        r#"{"cmd":["docker","login","-u","bob","-p","§","reg"]}"#,
        r#"{"command":"docker","args":["login","-p","§"]}"#,
        r#"{"program":"redis-cli","arguments":["-a","§"]}"#,
        r#"{"args":["login","-u","bob","-p","§"],"command":"podman"}"#,
        r#"["ldapsearch","-x","-w","§"]"#,
    ]),
    ("name and value that are called together", &[
        r#"{"parameterName":"DbPassword","parameterValue":"§"}"#,
        r#"{"parameterValue":"§","parameterName":"DbPassword"}"#,
        r#"{"ParameterKey":"DbPassword","ParameterValue":"§"}"#,
        r#"{"headerName":"Authorization","headerValue":"Bearer §"}"#,
        r#"{"option_name":"api_key","option_value":"§"}"#,
        r#"{"fieldName":"password","fieldValue":"§"}"#,
        r#"{"variable_name":"TOKEN","variable_value":"§"}"#,
        r#"{"settingKey":"smtp.password","settingValue":"§"}"#,
        r#"{"meta_key":"stripe_secret","meta_value":"§"}"#,
    ]),
    ("value where none is given", &[
        r#"{"name":"DB_PASSWORD","type":"string","required":true,"default":"§"}"#,
        r#"{"default":"§","description":"of the db","name":"DB_PASSWORD"}"#,
        r#"{"name":"password","current":"§"}"#,
        r#"{"name":"password","defaultValue":"§"}"#,
        r#"{"field":"password","old":"§","new":"§"}"#,
        r#"{"name":"password","before":"§","after":"§"}"#,
    ]),
    ("change of a path", &[
        r#"{"op":"replace","path":"/spec/password","value":"§"}"#,
        r#"{"path":"/spec/password","value":"§","op":"add"}"#,
    ]),
    ("key of one more kind", &[
        r#"{"psk":"§"}"#,
        r#"{"ssn":"§"}"#,
        r#"{"wifi_key":"§","wep_key0":"§"}"#,
        r#"{"mfa_code":"§","otp":"§","totp_code":"§","smsCode":"§"}"#,
        r#"{"cvv":"§","cardNumber":"§"}"#,
    ]),
    ("table", &[
        r#"{"columns":["name","password"],"rows":[["bob","§"],["al","§"]]}"#,
        r#"{"fields":["id","api_key","x"],"data":[[1,"§","y"]]}"#,
        r#"[["name","password"],["bob","§"],["al","§"]]"#,
    ]),
];

#[test]
fn a_pin_of_four_digits_goes_in_any_text() {
    for (text, clean) in [
        ("pin=4821", "pin=[redacted:key]"),
        ("pin: 4821", "pin: [redacted:key]"),
        ("card_pin: '482193'", "card_pin: '[redacted:key]'"),
        (
            "said \\\"pin\\\": \\\"4821\\\"",
            "said \\\"pin\\\": \\\"[redacted:key]\\\"",
        ),
        ("x?pin=4821&a=1", "x?pin=[redacted:key]&a=1"),
    ] {
        assert_eq!(redactor().text(text).expect(text).0, clean);
    }
}

/// What is left of secrets in these texts, by the kind of text.
pub(super) fn kept(all: &[(&str, &[&str])]) -> Vec<String> {
    let mut random = random();
    let mut kept = Vec::new();
    for (kind, texts) in all {
        for text in *texts {
            let (text, secrets) = filled(text, &mut random);
            let clean = redactor()
                .text(&text)
                .map_or(text.clone(), |(text, _)| text);
            if secrets.iter().any(|secret| clean.contains(secret)) {
                kept.push(format!("{kind}: {text}\n=> {clean}"));
            } else if let Some((again, _)) = redactor().text(&clean) {
                kept.push(format!("{kind}, again: {clean}\n=> {again}"));
            }
        }
    }
    kept
}

/// The same of documents of JSON, and of such in a text of JSON.
pub(super) fn kept_of_json(all: &[(&str, &[&str])]) -> Vec<String> {
    let mut random = random();
    let mut kept = Vec::new();
    for (kind, documents) in all {
        for json in *documents {
            let (json, secrets) = filled(json, &mut random);
            let nested = serde_json::json!({ "text": json }).to_string();
            for json in [json, nested] {
                let clean = redactor().json(&json, usize::MAX).text;
                if secrets.iter().any(|secret| clean.contains(secret)) {
                    kept.push(format!("{kind}: {json}\n=> {clean}"));
                } else if redactor().json(&clean, usize::MAX).redacted > 0 {
                    kept.push(format!("{kind}, again: {clean}"));
                }
            }
        }
    }
    kept
}

#[test]
fn a_secret_goes_in_every_form() {
    let kept = kept(TEXTS);
    assert!(
        kept.is_empty(),
        "{} kept\n{}",
        kept.len(),
        kept.join("\n\n")
    );
}

#[test]
fn a_secret_of_json_goes_in_every_form() {
    let kept = kept_of_json(DOCUMENTS);
    assert!(
        kept.is_empty(),
        "{} kept\n{}",
        kept.len(),
        kept.join("\n\n")
    );
}
