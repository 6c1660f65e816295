//! The shapes of tokens that name themselves, as data: how each begins, and of which letters and how
//! many at least the rest is. The facts are public (the issuers' documentation, the rule lists of secret
//! scanners). Must not look at what stands around a token.

/// What a part of a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// Digits.
    Digits,
    /// Hexadecimal digits of either case.
    Hex,
    /// Digits and capitals.
    Capitals,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Those, and `.`, `=`, `~`, `:`.
    Wide,
    /// Letters, digits, `+`, `/`, `=`.
    Base64,
    /// What stands in a path: those of [`Letters::Url`], and `/`, `.`, `@`, `=`, `%`.
    Path,
    /// What stands in a hash of a password: letters, digits, `.`, `/`, `+`, `=`, `,`, `-`, `_`.
    Crypt,
}

impl Letters {
    /// How many kinds of letters there are.
    // `Pass::runs` has a place for each: a new variant needs one more.
    pub(super) const COUNT: usize = 9;

    /// Whether a byte is one of them.
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Capitals => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
            Self::Wide => byte.is_ascii_alphanumeric() || b"_-.=~:".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=".contains(&byte),
            Self::Path => byte.is_ascii_alphanumeric() || b"_-/.@=%".contains(&byte),
            Self::Crypt => byte.is_ascii_alphanumeric() || b"./+=,-_".contains(&byte),
        }
    }
}

/// A part of a token behind its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) enum TokenPart {
    /// At least so many of these.
    Run(Letters, usize),
    /// This byte.
    Byte(u8),
    /// Any number of parts of these letters, each behind this byte.
    More(u8, Letters),
}

/// What of a match is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretPart {
    /// All of it.
    Whole,
    /// All of it; words joined by `-` and `_` are none: one part must be long and mixed.
    Dense,
    /// What stands behind the beginning.
    Rest,
    /// All of it, with the letters and digits before: at least so many.
    Around(Letters, usize),
}

/// One shape of token.
#[derive(Debug)]
pub(super) struct TokenShape {
    /// Its name, by which a failing test calls it.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests name a shape"))]
    pub(super) id: &'static str,
    /// What its mark says.
    pub(super) kind: &'static str,
    /// How it begins; what the text is searched for.
    pub(super) starts: &'static [&'static str],
    pub(super) then: &'static [TokenPart],
    pub(super) of: SecretPart,
}

const fn shape(
    id: &'static str,
    starts: &'static [&'static str],
    then: &'static [TokenPart],
    of: SecretPart,
) -> TokenShape {
    TokenShape {
        id,
        kind: "token",
        starts,
        then,
        of,
    }
}

use std::ops::{Range, RangeInclusive};

use Letters::{Alnum, Base64, Capitals, Crypt, Digits, Hex, Path, Url, Wide};
use SecretPart::{Around, Dense, Rest, Whole};
use TokenPart::{Byte, More, Run};

/// Every shape. The order says nothing.
#[rustfmt::skip]
pub(super) const SHAPES: &[TokenShape] = &[
    TokenShape {
        // It begins with `{"` in Base64, as its head is JSON.
        id: "jwt",
        kind: "jwt",
        starts: &["eyJ"],
        // Its signature, and the parts of one that is encrypted.
        then: &[Run(Url, 8), Byte(b'.'), Run(Url, 8), More(b'.', Url)],
        of: Whole,
    },
    TokenShape {
        // One whose key was agreed on before: its second part is empty.
        id: "jwe",
        kind: "jwt",
        starts: &["eyJ"],
        then: &[Run(Url, 8), Byte(b'.'), Byte(b'.'), Run(Url, 8), More(b'.', Url)],
        of: Whole,
    },
    // Code and packages.
    shape("github", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], &[Run(Url, 20)], Whole),
    shape("github-fine-grained", &["github_pat_"], &[Run(Url, 20)], Whole),
    shape(
        "gitlab",
        &[
            "glpat-", "glptt-", "gldt-", "glrt-", "glrtr-", "glcbt-", "gloas-", "glft-", "glimt-", "glagent-",
            "glsoat-", "glffct-", "glwt-",
        ],
        &[Run(Wide, 20)],
        Whole,
    ),
    shape("gitlab-runner", &["GR1348941"], &[Run(Url, 20)], Whole),
    shape("bitbucket", &["ATBB", "ATCTT3", "ATATT3"], &[Run(Wide, 24)], Whole),
    shape("npm", &["npm_"], &[Run(Alnum, 30)], Whole),
    shape("pypi", &["pypi-"], &[Run(Url, 30)], Whole),
    shape("rubygems", &["rubygems_"], &[Run(Hex, 40)], Whole),
    shape("crates-io", &["crateio", "cratesio", "cio"], &[Run(Alnum, 32)], Dense),
    shape("nuget", &["oy2"], &[Run(Alnum, 43)], Dense),
    shape("clojars", &["CLOJARS_"], &[Run(Alnum, 50)], Whole),
    shape("packagist", &["packagist_"], &[Run(Url, 40)], Dense),
    shape("docker", &["dckr_pat_", "dckr_oat_"], &[Run(Url, 20)], Whole),
    shape("artifactory", &["AKCp", "cmVmdGtu"], &[Run(Alnum, 56)], Whole),
    shape("sourcegraph", &["sgp_", "sgd_", "slk_", "sgs_"], &[Run(Url, 40)], Dense),
    shape("sonar", &["sqp_", "squ_", "sqa_"], &[Run(Hex, 40)], Whole),
    shape("circleci", &["CCIPAT_", "CCIPRJ_"], &[Run(Url, 30)], Whole),
    shape("buildkite", &["bkua_", "bkaj_", "bkat_", "bkpt_"], &[Run(Hex, 40)], Whole),
    shape("postman", &["PMAK-"], &[Run(Hex, 24), Byte(b'-'), Run(Hex, 30)], Whole),
    shape("readme", &["rdme_"], &[Run(Alnum, 60)], Whole),
    shape("octopus", &["API-"], &[Run(Capitals, 26)], Whole),
    shape("snyk", &["snyk_uat.", "snyk_sat."], &[Run(Wide, 30)], Whole),
    // Models and their tools.
    // `Dense`, as words begin so as well: `sk-learn`.
    shape("sk", &["sk-"], &[Run(Url, 20)], Dense),
    shape("sk-or", &["sk-or-v1-", "sk-ant-", "sk-proj-", "sk-svcacct-", "sk-lf-", "sk-admin-"], &[Run(Url, 16)], Whole),
    // `OpenAI` in Base64, which stands in the middle of a key.
    shape("openai-marker", &["T3BlbkFJ"], &[Run(Url, 20)], Around(Url, 16)),
    shape("xai", &["xai-"], &[Run(Alnum, 40)], Whole),
    shape("groq", &["gsk_"], &[Run(Alnum, 40)], Whole),
    shape("perplexity", &["pplx-"], &[Run(Alnum, 40)], Whole),
    shape("huggingface", &["hf_", "api_org_"], &[Run(Alnum, 30)], Whole),
    shape("replicate", &["r8_"], &[Run(Alnum, 37)], Whole),
    shape("nvidia", &["nvapi-"], &[Run(Url, 40)], Whole),
    shape("cerebras", &["csk-"], &[Run(Alnum, 40)], Whole),
    shape("together", &["tgp_v1_"], &[Run(Url, 30)], Whole),
    shape("fireworks", &["fw_"], &[Run(Alnum, 22)], Dense),
    shape("voyage", &["pa-"], &[Run(Url, 40)], Dense),
    shape("jina", &["jina_"], &[Run(Url, 50)], Dense),
    shape("llama-cloud", &["llx-"], &[Run(Alnum, 40)], Whole),
    shape("langsmith", &["lsv2_pt_", "lsv2_sk_", "ls__"], &[Run(Url, 32)], Whole),
    shape("pinecone", &["pcsk_"], &[Run(Url, 40)], Whole),
    shape("wandb", &["wandb_v1_"], &[Run(Url, 40)], Whole),
    shape("kaggle", &["KGAT_"], &[Run(Alnum, 32)], Whole),
    shape("anyscale", &["esecret_"], &[Run(Alnum, 20)], Dense),
    shape("tavily", &["tvly-"], &[Run(Url, 20)], Dense),
    shape("firecrawl", &["fc-"], &[Run(Hex, 32)], Whole),
    shape("brave", &["BSA"], &[Run(Url, 24)], Dense),
    shape("apify", &["apify_api_"], &[Run(Alnum, 30)], Whole),
    shape("e2b", &["e2b_"], &[Run(Hex, 40)], Whole),
    shape("browserbase", &["bb_live_", "bb_test_"], &[Run(Url, 16)], Whole),
    shape("mem0", &["m0-"], &[Run(Alnum, 36)], Dense),
    // Clouds.
    shape("aws-id", &["AKIA", "ASIA", "AGPA", "AIDA", "AROA", "ABIA", "ACCA"], &[Run(Capitals, 16)], Whole),
    shape("aws-bedrock", &["ABSK"], &[Run(Base64, 40)], Dense),
    shape("aws-bedrock-short", &["bedrock-api-key-"], &[Run(Base64, 16)], Dense),
    shape("google-api", &["AIza"], &[Run(Url, 35)], Whole),
    shape("google-ai", &["AQ.Ab"], &[Run(Url, 40)], Whole),
    shape("google-oauth", &["ya29.", "GOCSPX-", "1//0"], &[Run(Url, 20)], Whole),
    shape("azure-ad", &["7Q~", "8Q~"], &[Run(Wide, 31)], Around(Wide, 3)),
    shape("azure-key", &["JQQJ99"], &[Run(Alnum, 20)], Around(Alnum, 20)),
    shape("azure-key-mark", &["AzFu", "ACDb", "+ASt", "AzCa", "AzSe", "APIM"], &[Run(Base64, 6)], Around(Base64, 40)),
    shape("azure-devops", &["AZDO"], &[Run(Alnum, 4)], Around(Alnum, 70)),
    shape("alibaba", &["LTAI"], &[Run(Alnum, 16)], Dense),
    shape("tencent", &["AKID"], &[Run(Alnum, 32)], Whole),
    shape("yandex", &["AQVN", "t1.9eu"], &[Run(Wide, 35)], Whole),
    shape("digitalocean", &["dop_v1_", "doo_v1_", "dor_v1_"], &[Run(Hex, 40)], Whole),
    shape("heroku", &["HRKU-"], &[Run(Url, 30)], Whole),
    shape("fly", &["fo1_", "fm1r_", "fm1a_", "fm2_"], &[Run(Base64, 40)], Whole),
    shape("fly-v1", &["FlyV1 "], &[Run(Wide, 20)], Rest),
    shape("render", &["rnd_"], &[Run(Alnum, 26)], Dense),
    shape("netlify", &["nfp_", "nfc_", "nfo_", "nfu_", "nfb_"], &[Run(Alnum, 32)], Whole),
    shape("vercel", &["vcp_", "vci_", "vca_", "vcr_", "vck_", "vercel_blob_rw_"], &[Run(Url, 24)], Dense),
    shape("cloudflare-origin", &["v1.0-"], &[Run(Hex, 24), Byte(b'-'), Run(Hex, 100)], Whole),
    shape("cloudflare", &["cfk_", "cfut_", "cfat_"], &[Run(Url, 36)], Whole),
    shape("scalingo", &["tk-us-"], &[Run(Url, 40)], Whole),
    shape("terraform", &[".atlasv1."], &[Run(Wide, 50)], Around(Alnum, 12)),
    shape("pulumi", &["pul-"], &[Run(Hex, 40)], Whole),
    shape("vault", &["hvs.", "hvb.", "hvr."], &[Run(Url, 20)], Whole),
    shape("doppler", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], &[Run(Wide, 36)], Whole),
    shape("infisical", &["st."], &[Run(Hex, 24), Byte(b'.'), Run(Hex, 32)], Whole),
    shape("1password", &["ops_eyJ"], &[Run(Base64, 100)], Whole),
    shape("1password-key", &["A3-"], &[Run(Capitals, 6), Byte(b'-'), Run(Capitals, 6), Byte(b'-'), Run(Capitals, 5)], Whole),
    shape("age", &["AGE-SECRET-KEY-1"], &[Run(Capitals, 40)], Whole),
    shape("openshift", &["sha256~"], &[Run(Url, 40)], Whole),
    shape("tailscale", &["tskey-"], &[Run(Url, 20)], Whole),
    // The last is `{"k":"` in Base64.
    shape("grafana", &["glc_", "glsa_", "eyJrIjoi"], &[Run(Base64, 32)], Whole),
    shape("new-relic", &["NRAK-", "NRJS-", "NRII-", "NRRA-", "NRIQ-"], &[Run(Url, 19)], Whole),
    shape("dynatrace", &["dt0c01.", "dt0s01.", "dt0s16.", "dt0s03."], &[Run(Capitals, 8), Byte(b'.'), Run(Capitals, 40)], Whole),
    shape("datadog", &["ddapp_", "ddpat_"], &[Run(Alnum, 30)], Dense),
    shape("sentry", &["sntryu_", "sntrys_", "sntrya_", "sntryi_"], &[Run(Wide, 40)], Whole),
    shape("launchdarkly", &["api-", "sdk-"], &[Run(Hex, 8), Byte(b'-'), Run(Hex, 4), Byte(b'-'), Run(Hex, 4), Byte(b'-'), Run(Hex, 4), Byte(b'-'), Run(Hex, 12)], Whole),
    shape("databricks", &["dapi", "dose", "dkea"], &[Run(Hex, 32)], Whole),
    shape("planetscale", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], &[Run(Wide, 32)], Whole),
    shape("neon", &["napi_", "npg_"], &[Run(Alnum, 12)], Dense),
    shape("supabase", &["sbp_", "sb_secret_"], &[Run(Url, 30)], Whole),
    shape("prefect", &["pnu_", "pnb_"], &[Run(Alnum, 36)], Whole),
    shape("harness", &["pat.", "sat."], &[Run(Url, 22), Byte(b'.'), Run(Alnum, 24), Byte(b'.'), Run(Alnum, 20)], Whole),
    shape("defined", &["dnkey-"], &[Run(Url, 26)], Whole),
    shape("posthog", &["phx_", "phs_"], &[Run(Alnum, 36)], Whole),
    // Messages and offices.
    shape("slack", &["xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxe.", "xapp-", "xwfp-"], &[Run(Wide, 10)], Whole),
    // Of hooks the address stays and says whose they were; their path is the secret.
    shape("slack-hook", &["hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/"], &[Run(Path, 20)], Rest),
    shape("discord-hook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], &[Run(Path, 20)], Rest),
    shape("teams-hook", &["webhook.office.com/webhookb2/"], &[Run(Path, 20)], Rest),
    shape("zapier-hook", &["hooks.zapier.com/hooks/", "mcp.zapier.com/api/mcp/s/", "actions.zapier.com/mcp/"], &[Run(Path, 10)], Rest),
    shape("feishu-hook", &["open.feishu.cn/open-apis/bot/v2/hook/", "open.larksuite.com/open-apis/bot/v2/hook/"], &[Run(Path, 20)], Rest),
    shape("event-hook", &["events.pagerduty.com/integration/", "hooks.airtable.com/workflows/v1/", "smee.io/", "webhook.site/"], &[Run(Path, 16)], Rest),
    shape("ifttt-hook", &["maker.ifttt.com/trigger/"], &[Run(Path, 20)], Rest),
    shape("make-hook", &["hook.eu1.make.com/", "hook.eu2.make.com/", "hook.us1.make.com/", "hook.us2.make.com/"], &[Run(Path, 20)], Rest),
    shape("node-url", &["infura.io/v3/", "g.alchemy.com/v2/"], &[Run(Url, 20)], Rest),
    shape("telegram", &[":AA"], &[Run(Url, 32)], Around(Digits, 8)),
    shape("notion", &["ntn_", "secret_"], &[Run(Alnum, 40)], Whole),
    shape("linear", &["lin_api_", "lin_oauth_", "lin_wh_"], &[Run(Alnum, 30)], Whole),
    shape("airtable", &["pat"], &[Run(Alnum, 14), Byte(b'.'), Run(Hex, 60)], Whole),
    shape("hubspot", &["pat-na1-", "pat-na2-", "pat-eu1-", "pat-ap1-"], &[Run(Hex, 8), Byte(b'-'), Run(Url, 20)], Whole),
    shape("figma", &["figd_", "figo_", "figu_", "figdr_"], &[Run(Url, 30)], Whole),
    shape("trello", &["ATTA"], &[Run(Hex, 60)], Whole),
    shape("clickup", &["pk_"], &[Run(Digits, 5), Byte(b'_'), Run(Capitals, 30)], Whole),
    shape("asana", &["1/", "2/"], &[Run(Digits, 12), Byte(b':'), Run(Hex, 32)], Whole),
    shape("typeform", &["tfp_"], &[Run(Wide, 50)], Whole),
    shape("intra42", &["s-s4t2ud-", "s-s4t2af-"], &[Run(Hex, 64)], Whole),
    shape("frameio", &["fio-u-"], &[Run(Wide, 60)], Whole),
    shape("adobe", &["p8e-"], &[Run(Alnum, 32)], Whole),
    shape("contentful", &["CFPAT-"], &[Run(Url, 40)], Whole),
    shape("dropbox", &["sl.u.", "sl.B", "sl.A"], &[Run(Url, 60)], Whole),
    shape("infracost", &["ico-"], &[Run(Alnum, 32)], Whole),
    shape("settlemint", &["sm_aat_", "sm_pat_", "sm_sat_"], &[Run(Alnum, 16)], Whole),
    // Mail, money, maps.
    shape("sendgrid", &["SG."], &[Run(Url, 16), Byte(b'.'), Run(Url, 16)], Whole),
    shape("brevo", &["xkeysib-", "xsmtpsib-"], &[Run(Url, 60)], Whole),
    shape("resend", &["re_"], &[Run(Alnum, 8), Byte(b'_'), Run(Alnum, 20)], Whole),
    shape("mailgun", &["key-", "pubkey-"], &[Run(Hex, 32)], Whole),
    shape("mailchimp", &["-us"], &[Run(Digits, 1)], Around(Hex, 32)),
    shape("twilio", &["SK"], &[Run(Hex, 32)], Whole),
    shape("stripe", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "sk_org_", "whsec_"], &[Run(Url, 16)], Whole),
    shape("sk-alnum", &["sk_", "rk_", "pk_"], &[Run(Alnum, 20)], Dense),
    shape("shopify", &["shpat_", "shpca_", "shppa_", "shpss_", "shpua_", "shptka_"], &[Run(Hex, 30)], Whole),
    shape("square", &["sq0atp-", "sq0csp-", "sq0idp-", "EAAAE", "EAAAl"], &[Run(Url, 22)], Whole),
    shape("plaid", &["access-sandbox-", "access-development-", "access-production-"], &[Run(Url, 30)], Whole),
    shape("flutterwave", &["FLWSECK-", "FLWSECK_TEST-"], &[Run(Url, 12)], Whole),
    shape("easypost", &["EZAK", "EZTK"], &[Run(Alnum, 50)], Whole),
    shape("duffel", &["duffel_test_", "duffel_live_"], &[Run(Wide, 40)], Whole),
    shape("shippo", &["shippo_live_", "shippo_test_"], &[Run(Hex, 40)], Whole),
    shape("lob", &["live_", "test_"], &[Run(Hex, 35)], Whole),
    shape("facebook", &["EAAM", "EAAC", "EAAG", "EAAB", "EAAI"], &[Run(Alnum, 60)], Whole),
    shape("mapbox", &["sk.eyJ", "tk.eyJ"], &[Run(Wide, 40)], Whole),
    shape("maxmind", &["_mmk"], &[], Around(Url, 30)),
    // Hashes of passwords.
    shape("bcrypt", &["$2a$", "$2b$", "$2y$"], &[Run(Digits, 2), Byte(b'$'), Run(Path, 50)], Whole),
    // MD5, SHA-256, SHA-512, as crypt(5) numbers them, and Apache's.
    shape("crypt", &["$1$", "$5$", "$6$", "$y$", "$apr1$"], &[Run(Path, 2), Byte(b'$'), Run(Path, 20), More(b'$', Crypt)], Whole),
    shape("crypt-rounds", &["$5$rounds=", "$6$rounds="], &[Run(Digits, 1), Byte(b'$'), Run(Crypt, 1), Byte(b'$'), Run(Crypt, 20)], Whole),
    shape("yescrypt", &["$y$", "$gy$", "$7$", "$sha1$", "$scrypt$"], &[Run(Crypt, 2), Byte(b'$'), Run(Crypt, 4), Byte(b'$'), Run(Crypt, 20)], Whole),
    shape("argon2", &["$argon2id$", "$argon2i$", "$argon2d$"], &[Run(Crypt, 2), Byte(b'$'), Run(Crypt, 8), Byte(b'$'), Run(Crypt, 8), More(b'$', Crypt)], Whole),
    shape(
        "pbkdf2",
        &["pbkdf2_sha256$", "pbkdf2_sha1$", "pbkdf2_sha512$", "$pbkdf2-sha256$", "$pbkdf2-sha512$", "$pbkdf2-sha1$", "$pbkdf2$"],
        &[Run(Digits, 1), Byte(b'$'), Run(Crypt, 4), Byte(b'$'), Run(Crypt, 20)],
        Whole,
    ),
    shape("werkzeug", &["pbkdf2:sha256:", "pbkdf2:sha512:", "pbkdf2:sha1:"], &[Run(Digits, 1), Byte(b'$'), Run(Alnum, 4), Byte(b'$'), Run(Hex, 32)], Whole),
    shape(
        "werkzeug-scrypt",
        &["scrypt:"],
        &[Run(Digits, 1), Byte(b':'), Run(Digits, 1), Byte(b':'), Run(Digits, 1), Byte(b'$'), Run(Alnum, 4), Byte(b'$'), Run(Hex, 32)],
        Whole,
    ),
    shape(
        "scram",
        &["SCRAM-SHA-256$", "SCRAM-SHA-1$", "SCRAM-SHA-512$"],
        &[Run(Digits, 1), Byte(b':'), Run(Base64, 8), Byte(b'$'), Run(Base64, 20), Byte(b':'), Run(Base64, 20)],
        Whole,
    ),
    shape("ldap-hash", &["{SHA}", "{SSHA}", "{SHA256}", "{SSHA256}", "{SHA512}", "{SSHA512}", "{MD5}", "{SMD5}", "{PBKDF2}"], &[Run(Base64, 20)], Whole),
];

/// How many bytes the shortest token has at least, its beginning included.
pub(super) const SHORTEST_TOKEN: usize = shortest();

// Loops are spelled out here and below: a const function cannot use iterators.
const fn shortest() -> usize {
    let (mut least, mut at) = (usize::MAX, 0);
    while at < SHAPES.len() {
        let shape = &SHAPES[at];
        let mut start = 0;
        while start < shape.starts.len() {
            let len = shape.starts[start].len() + shape.least_rest();
            if len < least {
                least = len;
            }
            start += 1;
        }
        at += 1;
    }
    least
}

impl TokenShape {
    /// How many bytes stand beside the beginning at least.
    const fn least_rest(&self) -> usize {
        let (mut sum, mut at) = (0, 0);
        while at < self.then.len() {
            sum += match self.then[at] {
                TokenPart::Run(_, least) => least,
                TokenPart::Byte(_) => 1,
                TokenPart::More(..) => 0,
            };
            at += 1;
        }
        match self.of {
            SecretPart::Around(_, least) => sum + least,
            SecretPart::Whole | SecretPart::Dense | SecretPart::Rest => sum,
        }
    }
}

/// The tokens of Discord's bots: the bot's number in Base64, a time of six letters, a code. Nothing in
/// them is the same in all, but for the places of their full stops.
pub(super) fn timed_tokens(text: &[u8]) -> Vec<Range<usize>> {
    const TIME: usize = 6;
    const NUMBERS: RangeInclusive<usize> = 22..=28;
    const SHORTEST_CODE: usize = 27;
    let mut found = Vec::new();
    if text.len() < NUMBERS.start() + TIME + SHORTEST_CODE + 2 {
        return found;
    }
    for at in memchr::memchr_iter(b'.', text) {
        // Two full stops at this distance rule out nearly every other text.
        if text.get(at + 1 + TIME) != Some(&b'.') {
            continue;
        }
        let run =
            |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| Url.has(**byte)).count();
        let number = run(&mut text[..at].iter().rev().take(NUMBERS.end() + 1));
        let code = run(&mut text[at + TIME + 2..].iter());
        let is_first = text
            .get(at.wrapping_sub(number))
            .is_some_and(|first| b"MNO".contains(first));
        if NUMBERS.contains(&number)
            && code >= SHORTEST_CODE
            && is_first
            && text[at + 1..=at + TIME].iter().all(|byte| Url.has(*byte))
        {
            found.push(at - number..at + TIME + 2 + code);
        }
    }
    found
}
