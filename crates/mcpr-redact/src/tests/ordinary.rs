//! A thousand ordinary answers of tools, in which nothing is a secret: files, programs, lists, logs, what
//! validators and searches say, and the captures of this repository. Nothing of them may change.

use super::redactor;
use std::fmt::Write as _;

/// What tools answer; `#` is a number, `~` a word, `^` hexadecimal digits.
#[rustfmt::skip]
const ANSWERS: &[&str] = &[
    "[FILE] ~.rs (# bytes)\n[DIR] ~\n[FILE] ~-token.ts\n[FILE] password_reset.html",
    "Found # matches for `token` in # files:\nsrc/~.rs:#:    let token = next_token(&mut input);\nsrc/~.rs:#:    token: Token,",
    "{\"content\":[{\"type\":\"text\",\"text\":\"~ has # items\"}],\"nextPageToken\":\"~#\",\"total_tokens\":#}",
    "{\"usage\":{\"prompt_tokens\":#,\"completion_tokens\":#,\"total_tokens\":#},\"model\":\"~-#\"}",
    "commit ^^^^^\nAuthor: ~ <~@example.com>\nDate:   Mon Nov # 10:00:00 2026 +0100\n\n    ~: fix the key of the ~ table",
    "fn login(user: &str, password: &str) -> Result<Token, Error> {\n    let token = self.auth.issue(user, password)?;\n    Ok(token)\n}",
    "def login(username: str, password: str, token: Optional[str] = None):\n    \"\"\"Log in with a password.\"\"\"\n    self.password = password\n    token = os.environ[\"API_TOKEN\"]",
    "const token = process.env.GITHUB_TOKEN;\nconst password = req.body.password;\nif (!token) throw new Error('token is required');",
    "export interface Login { username: string; password: string; token?: string | null }",
    "password: String must contain at least # characters\napi_key: Field required [type=missing]\ntoken: expected a string",
    "{\"errors\":{\"password\":[\"is too short (the minimum is # characters)\"],\"token\":[\"is invalid\"]}}",
    "{\"type\":\"object\",\"properties\":{\"password\":{\"type\":\"string\",\"minLength\":#},\"api_key\":{\"description\":\"the key of ~\"}},\"required\":[\"password\",\"token\",\"api_key\"]}",
    "Usage: ~ [OPTIONS] --token <TOKEN>\n\nOptions:\n      --token <TOKEN>        The token to use [env: ~_TOKEN]\n      --password PASSWORD    the password of the user\n  -u, --user <USER>          who logs in",
    "curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com/v1/~?page=#&limit=#",
    "{\"mcpServers\":{\"~\":{\"url\":\"https://example.com/mcp\",\"headers\":{\"Authorization\":\"Bearer ${TOKEN}\",\"X-Api-Key\":\"${env:API_KEY}\"}}}}",
    "Set the header `Authorization: Bearer <your-token>`, or pass `api_key=YOUR_API_KEY`.",
    "| name | type | description |\n|---|---|---|\n| token | string | The token |\n| password | string | of the ~ |\n| max_tokens | integer | # |",
    "SELECT id, password_hash FROM users WHERE token IS NOT NULL ORDER BY primary_key LIMIT #;",
    "CREATE TABLE users (id INTEGER PRIMARY KEY, password VARCHAR(#) NOT NULL, token TEXT);",
    "error: unexpected token `~` at line #, column #\nSyntaxError: Unexpected token '}' in JSON at position #",
    "test result: ok. # passed; 0 failed\npass: #, fail: #\nTests: # passed, # total",
    "2026-11-#T10:00:00Z INFO ~: request done method=GET path=/v1/~ status=200 latency_ms=# request_id=^^-^^",
    "The secret of good ~ is patience. Authorization is required; ask for a token or a password.",
    "# ~\n\nStore the password in the keychain. The cookie: a small file. Basic authentication failed, bearer token missing.",
    "<form><input type=\"password\" name=\"password\" placeholder=\"Password\"><input name=\"token\" type=\"hidden\"></form>",
    "- heading \"Sign in\" [ref=e#]\n- textbox \"Password\" [ref=e#]\n- button \"Forgot password?\" [ref=e#]",
    "{\"name\":\"~\",\"key\":\"PROJ-#\",\"fields\":{\"summary\":\"rotate the API key of ~\",\"status\":\"open\"}}",
    "[{\"name\":\"limit\",\"value\":\"#\"},{\"name\":\"~\",\"value\":\"~\"},{\"key\":\"colour\",\"value\":\"~\"}]",
    "name: ~\non: push\njobs:\n  build:\n    env:\n      TOKEN: ${{ secrets.GITHUB_TOKEN }}\n    steps:\n      - run: echo ${TOKEN}",
    "diff --git a/~.py b/~.py\n@@ -#,# +#,# @@\n-    token = None\n+    token = tokens[#]\n+    auth = HTTPBasicAuth(user, password)",
    "https://example.com/~/#?key=name&sort=asc#section-#  mail ~@example.com, git@github.com:~/~.git",
    "sk-learn, task-force, desk-top; hf_hub; pip install scikit-~ ; npm_config_cache; re_match; pk_column",
    "{\"id\":\"^^^^^^^^-^^^^-4^^^-a^^^-^^^^^^^^^^^^\",\"etag\":\"^^^^^^\",\"sha256\":\"^^^^^^^^^^^^^^^^\",\"cursor\":\"~#\"}",
    "{\"has_password\":true,\"password\":null,\"token\":\"\",\"cookies\":#,\"auth\":\"none\",\"password_policy\":\"~\",\"token_type\":\"bearer\"}",
    "Traceback (most recent call last):\n  File \"~.py\", line #, in login\n    raise AuthError(\"invalid token\")\nAuthError: invalid token",
    "interface ~ extends Key<T> { readonly key: string; sortKey: SortKey; cacheKey(): string }",
    "export PATH=/usr/bin\nPWD=/home/~/project\nOLDPWD=/home/~\nSHELL=/bin/sh\nSSH_AUTH_SOCK=/run/user/#/ssh",
    "Weather in ~: # degrees, wind # km/h. Signature dish: ~. Author: ~. Authority: ~.",
    "{\"symbol\":\"~\",\"signature\":\"fn ~(input: &str) -> usize\",\"line\":#}",
    "token,count\nthe,#\nof,#\n~,#",
    "tokens: # in, # out; tokens/s: #; n_tokens=#; tokenizer: ~",
    "await page.getByLabel('Email').fill('~@example.com');\nawait page.getByLabel('Password').fill(process.env.PASSWORD);",
    "https://example.com/error?code=404&x=# and https://example.com/cb?code=AADSTS50011; code=#, state=open",
    "value='it''s fine', SELECT 'a''b' FROM ~; the%20token%20is%20missing; &quot;token&quot; is required; a &amp; b &lt;password&gt; must be set",
    "<param name=\"token\"><value>string</value></param>\n- name: ~\n  description: the password of ~\n  value: ~\n- name: PASSWORD_POLICY\n  value: strict",
    "var password string\nchar token[16];\nchar *token = strtok(s, \",\");\nstd::vector<std::string> tokens{\"a\", \"b\"};\nsecret: []\ncredentials: []string",
    "Token(value='~', type='NAME') Token(type='SLASH', value='/') {\"type\":\"token\",\"value\":\"+\"}",
    "password: !Ref DbPassword\nerror: password is invalid\nthe password was changed; SET password FOR ~",
    "curl -u $USER:$PASSWORD https://~; docker run -u 1000:1000 ~; git push -u origin ~",
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"~\",\"d\":\"~\"} {\"d\":\"M10 10 L20 #\",\"k\":\"v\"}",
    "{\"field\":\"Password Policy\",\"oldValue\":\"open\",\"newValue\":\"closed\"} {\"name\":\"token\",\"default\":null} {\"name\":\"token\",\"default\":\"string\"}",
    "from django.views.decorators.csrf import csrf_exempt\n{% csrf_token %}\n50%25 of tokens, \\x1b[31mtoken\\x1b[0m: ~",
    "passed=# failed=# bypass=false compass: north, passport: ~, keyboard: ~, monkey: ~, turkey=#",
    // Forms without a sign: calls, commands, tables, protocols.
    "it('logs in', async () => { await user.login('bob', 'wrong'); expect(setPassword).toHaveBeenCalledWith('x'); });",
    "public void setPassword(String password) { this.password = password; } user.setToken(null); setApiKey(apiKey);",
    "z.object({ password: z.string().password('Required'), token: t.token('word') })",
    "def basic_auth(user, password): ...\nHTTPBasicAuth(user, password)\nnew NetworkCredential(name, pass)\nreq.SetBasicAuth(user, pass)",
    "smtp.login(user, password)\nclient.login(\"anonymous\", \"\")\nDriverManager.getConnection(url, user, password)",
    "docker run -p #:# -u #:# ~; mkdir -p src/~; ssh -p # ~; ps -u ~; cp -p a b; psql -U ~ -p # -w; mysql -u root -p ~",
    "[\"docker\",\"run\",\"-p\",\"#:#\"] [\"mkdir\",\"-p\",\"src/~\"] [\"redis-cli\",\"-h\",\"~\",\"-p\",\"#\"]",
    "{\"command\":\"docker\",\"args\":[\"run\",\"-p\",\"#:#\",\"-w\",\"/~\",\"-u\",\"~\"]}",
    "{\"command\":\"grep\",\"args\":[\"-w\",\"~\",\"-a\",\"~.bin\",\"-A\",\"#\"]}",
    "Array\n(\n    [token] => \n    [password] => ***\n    [count] => #\n)\n[password]: https://example.com/~",
    "array(1) {\n  [\"token\"]=>\n  NULL\n}\na:1:{s:5:\"token\";N;}",
    "cat <<EOF > ~.txt\nthe ~ of the ~\nEOF\npassword=$(cat <<EOF\n$PASSWORD\nEOF\n)",
    "  ~ password = (sensitive value)\n  + token    = (known after apply)\n  ~ name = \"~\" -> \"~\"\n  - password = null -> null",
    "Authorization:\n  description: of the ~\n  type: apiKey\nCookie: a small file\n  of the browser",
    "{\"parameterName\":\"~\",\"parameterValue\":\"~\"} {\"ParameterKey\":\"Colour\",\"ParameterValue\":\"#\"} {\"keyName\":\"id\",\"keyValue\":\"#\"}",
    "variable \"~\" {\n  type = string\n  default = \"~\"\n}\nvariable \"db_password\" {\n  type = string\n  sensitive = true\n}",
    "parser.add_argument(\"--token\", default=None)\nparser.add_argument(\"--~\", default=\"~\")\nos.environ.get('API_TOKEN', '')",
    "const token = process.env.TOKEN || '';\nif (!password || !token) return;\nthrow new Error(errors.password || 'Invalid password');",
    "<secret><name>~</name><type>Opaque</type></secret><token><type>bearer</type></token><entry><key>~</key><value>#</value></entry>",
    "set -x\nset -euo pipefail\nset -gx PATH $HOME/bin $PATH\nsetx PATH %PATH%\nENV NODE_ENV production\nENV API_KEY=${API_KEY}\nsetenv TOKEN $TOKEN",
    "git config --global user.name ~\nnpm config set registry https://example.com\nproxy_set_header Authorization $http_authorization;\nproxy_set_header Host $host;",
    "INSERT INTO users (name, password) VALUES (?, ?)\nINSERT INTO ~ (id, name) VALUES (#, '~'), (#, '~');\ninsert into t (token) select token from u;",
    "COPY ~ (id, name) FROM stdin;\n#\t~\n\\.\ncopy the ~ (of the token); then",
    "name,password_policy,token_type\n~,strict,bearer\n~,open,none",
    "option,default\npassword,none\ntoken,unset\n~,~",
    " id | name | token \n----+------+-------\n  # | ~ | the\n  # | ~ | of\n(2 rows)",
    "| Scope | Password | Token |\n|---|---|---|\n| ~ | yes | no |\n| ~ | optional | required |\n| ~ | ✓ | - |",
    "PASS src/~.test.js\nPASS  packages/~ (# s)\nPASS [ 0.#s] ~::tests::~\nFAIL src/~.test.ts\n--- PASS: Test~ (0.#s)",
    "250-AUTH PLAIN LOGIN CRAM-MD5\n250-AUTH LOGIN PLAIN XOAUTH2\n250 STARTTLS\nAUTH TLS\nAUTH is required\nerror: AUTH failed",
    "{\"columns\":[\"name\",\"token\",\"count\"],\"rows\":[[\"~\",\"the\",#],[\"~\",\"of\",#]]}",
    "{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":\"#\"} {\"path\":\"src/password\",\"value\":\"~\"}",
    "{\"field\":\"status\",\"old\":\"open\",\"new\":\"closed\"} {\"name\":\"~\",\"before\":\"~\",\"after\":\"~\"}",
    "pin: # mapping, pin=A1, spin=#, pinned: true, GPIO pin 13; error code: 404; exit_code=#; session lessons: #",
    "v1.234567.890 and a.b.c.d.e; 10.0.0.1.2; com.example.package.module.name; foo.example.com",
    "disk psk-free desk=~ classname=~ classnames=~ business: ~ assn: ~",
];

const WORDS: [&str; 20] = [
    "apple", "river", "window", "garden", "copper", "signal", "planet", "orange", "bridge",
    "yellow", "forest", "market", "silver", "winter", "butter", "carbon", "dragon", "engine",
    "flower", "guitar",
];

fn filled(text: &str, random: &mut fastrand::Rng) -> String {
    let mut whole = String::new();
    for c in text.chars() {
        match c {
            '~' => whole.push_str(WORDS[random.usize(0..WORDS.len())]),
            '^' => write!(whole, "{:x}", random.u8(..)).expect("a string takes every write"),
            '#' if !whole.ends_with('\n') && !whole.is_empty() => {
                whole.push_str(&random.u16(1..999).to_string());
            }
            other => whole.push(other),
        }
    }
    whole
}

#[test]
fn a_thousand_ordinary_answers_stay() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut changed = Vec::new();
    for round in 0..1_000 {
        let mut text = filled(ANSWERS[round % ANSWERS.len()], &mut random);
        if random.bool() {
            let more = filled(ANSWERS[random.usize(0..ANSWERS.len())], &mut random);
            text = format!("{text}\n\n{more}");
        }
        let json =
            serde_json::json!({"content": [{"type": "text", "text": text}], "isError": false})
                .to_string();
        if let Some((clean, _)) = redactor().text(&text) {
            changed.push(format!("{text}\n=> {clean}"));
        }
        let clean = redactor().json(&json, usize::MAX);
        if clean.redacted > 0 || clean.text != json {
            changed.push(format!("{json}\n=> {}", clean.text));
        }
    }
    assert!(
        changed.is_empty(),
        "{} changed, among them\n{}",
        changed.len(),
        changed[0]
    );
}

/// Every text of the captures, but for those that hold secrets on purpose.
#[test]
fn the_captures_of_this_repository_stay() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let mut texts = 0;
    let of = |name: &str| std::fs::read_dir(data.join(name)).expect("the captures are there");
    for file in of("mcpr-0.4.64")
        .chain(of("mcpr-0.5.44"))
        .chain(of("corpora"))
    {
        let path = file.expect("it can be read").path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for line in text.lines() {
            texts += 1;
            if let Some((clean, _)) = redactor().text(line) {
                let is_meant = line.contains("sk-live") || line.contains("password=");
                assert!(is_meant, "{}: {line}\n=> {clean}", path.display());
            }
        }
    }
    assert!(texts > 500, "{texts}");
}
