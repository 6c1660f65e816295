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
    /// All of it; words joined by `-` and `_` do not count: one part must be long and mixed.
    Dense,
    /// All of it; names made of words do not count: one part must mix its letters and digits as chance does.
    Scattered,
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
use SecretPart::{Around, Dense, Rest, Scattered, Whole};
use TokenPart::{Byte, More, Run};

/// What stands behind the beginning of a token that is a UUID.
#[rustfmt::skip]
const UUID: &[TokenPart] = &[
    Run(Alnum, 8), Byte(b'-'), Run(Alnum, 4), Byte(b'-'), Run(Alnum, 4), Byte(b'-'), Run(Alnum, 4), Byte(b'-'), Run(Alnum, 12),
];

/// Every shape. The order says nothing.
#[rustfmt::skip]
pub(super) const SHAPES: &[TokenShape] = &[
    TokenShape {
        // It begins with `{"` in Base64, as its head is JSON.
        id: "jwt",
        kind: "jwt",
        // Its head may have a blank or a break behind the brace.
        starts: &["eyJ", "eyAi", "ewog", "ewoJ", "ewoi"],
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
    shape("bitbucket", &["ATBB", "ATCTT3", "ATATT"], &[Run(Crypt, 24)], Whole),
    shape("npm", &["npm_"], &[Run(Alnum, 30)], Whole),
    shape("pypi", &["pypi-"], &[Run(Url, 30)], Whole),
    shape("rubygems", &["rubygems_"], &[Run(Alnum, 40)], Whole),
    shape("crates-io", &["crateio", "cratesio", "cio"], &[Run(Alnum, 32)], Dense),
    shape("nuget", &["oy2"], &[Run(Alnum, 43)], Dense),
    shape("clojars", &["CLOJARS_"], &[Run(Alnum, 50)], Whole),
    shape("packagist", &["packagist_"], &[Run(Url, 40)], Dense),
    shape("docker", &["dckr_pat_", "dckr_oat_"], &[Run(Url, 20)], Whole),
    shape("artifactory", &["AKCp", "cmVmd"], &[Run(Alnum, 56)], Whole),
    shape("sourcegraph", &["sgp_", "sgd_", "slk_", "sgs_"], &[Run(Url, 40)], Dense),
    shape("sonar", &["sqp_", "squ_", "sqa_"], &[Run(Alnum, 40)], Whole),
    shape("circleci", &["CCIPAT_", "CCIPRJ_"], &[Run(Url, 30)], Whole),
    shape("buildkite", &["bkua_", "bkaj_", "bkat_", "bkpt_", "bkct_"], &[Run(Alnum, 40)], Whole),
    shape("postman", &["PMAK-", "PMAT-"], &[Run(Url, 26)], Whole),
    shape("readme", &["rdme_"], &[Run(Alnum, 60)], Whole),
    shape("octopus", &["API-"], &[Run(Capitals, 26)], Whole),
    shape("snyk", &["snyk_uat.", "snyk_sat."], &[Run(Wide, 30)], Whole),
    // Models and their tools.
    // `Dense`, as words begin so as well: `sk-learn`.
    shape("sk", &["sk-"], &[Run(Url, 20)], Dense),
    shape("sk-or", &["sk-or-v1-", "sk-ant-", "sk-proj-", "sk-svcacct-", "sk-lf-", "sk-admin-", "sk-service-", "sk-helicone-"], &[Run(Url, 16)], Whole),
    // `OpenAI` in Base64, which stands in the middle of a key.
    shape("openai-marker", &["T3BlbkFJ"], &[Run(Url, 20)], Around(Url, 16)),
    shape("xai", &["xai-"], &[Run(Url, 40)], Whole),
    shape("groq", &["gsk_"], &[Run(Alnum, 40)], Whole),
    shape("perplexity", &["pplx-"], &[Run(Alnum, 40)], Whole),
    shape("huggingface", &["hf_", "api_org_"], &[Run(Alnum, 30)], Whole),
    shape("replicate", &["r8_"], &[Run(Url, 37)], Whole),
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
    shape("azure-ad", &["0Q~", "1Q~", "2Q~", "3Q~", "4Q~", "5Q~", "6Q~", "7Q~", "8Q~", "9Q~"], &[Run(Wide, 31)], Around(Wide, 3)),
    shape("azure-key", &["JQQJ99"], &[Run(Alnum, 20)], Around(Alnum, 20)),
    shape("azure-key-mark", &["AzFu", "ACDb", "+ASt", "AzCa", "AzSe", "APIM", "+ABa", "+AMC", "AzEG", "+AEh", "+ARm", "+ASb", "AIoT", "+ACR"], &[Run(Base64, 6)], Around(Base64, 40)),
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
    shape("cloudflare-origin", &["v1.0-"], &[Run(Url, 100)], Whole),
    shape("cloudflare", &["cfk_", "cfut_", "cfat_"], &[Run(Url, 36)], Whole),
    shape("scalingo", &["tk-us-"], &[Run(Url, 40)], Whole),
    shape("terraform", &[".atlasv1."], &[Run(Wide, 50)], Around(Alnum, 12)),
    shape("pulumi", &["pul-"], &[Run(Alnum, 40)], Dense),
    shape("vault", &["hvs.", "hvb.", "hvr."], &[Run(Url, 20)], Whole),
    shape("doppler", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], &[Run(Wide, 36)], Whole),
    shape("infisical", &["st."], &[Run(Hex, 24), Byte(b'.'), Run(Hex, 32)], Whole),
    shape("1password", &["ops_eyJ"], &[Run(Base64, 100)], Whole),
    shape("1password-key", &["A3-"], &[Run(Capitals, 6), Byte(b'-'), Run(Capitals, 6), Byte(b'-'), Run(Capitals, 5)], Whole),
    shape("age", &["AGE-SECRET-KEY-1"], &[Run(Capitals, 40)], Whole),
    shape("openshift", &["sha256~"], &[Run(Url, 40)], Whole),
    shape("tailscale", &["tskey-"], &[Run(Url, 20)], Whole),
    // The last is `{"k":"` in Base64.
    shape("grafana", &["glc_", "eyJrIjoi"], &[Run(Base64, 32)], Whole),
    shape("grafana-account", &["glsa_"], &[Run(Url, 32)], Whole),
    shape("new-relic", &["NRAK-", "NRJS-", "NRII-", "NRRA-", "NRIQ-", "NRBR-"], &[Run(Url, 19)], Whole),
    shape("dynatrace", &["dt0c01.", "dt0s01.", "dt0s16.", "dt0s03."], &[Run(Alnum, 8), Byte(b'.'), Run(Alnum, 40)], Whole),
    shape("datadog", &["ddapp_", "ddpat_"], &[Run(Alnum, 30)], Dense),
    shape("sentry", &["sntryu_", "sntrys_", "sntrya_", "sntryi_"], &[Run(Crypt, 40)], Whole),
    shape("launchdarkly", &["api-", "sdk-", "mob-", "rh-api-", "xaat-", "xapt-", "amzn.mws."], UUID, Whole),
    shape("pubnub", &["pub-c-", "sub-c-"], UUID, Whole),
    shape("databricks", &["dapi", "dose", "dkea"], &[Run(Hex, 32)], Whole),
    shape("planetscale", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], &[Run(Wide, 32)], Whole),
    shape("neon", &["napi_", "npg_"], &[Run(Alnum, 12)], Dense),
    shape("supabase", &["sbp_", "sb_secret_"], &[Run(Url, 30)], Whole),
    shape("prefect", &["pnu_", "pnb_"], &[Run(Alnum, 36)], Whole),
    shape("harness", &["pat.", "sat."], &[Run(Url, 22), Byte(b'.'), Run(Alnum, 24), Byte(b'.'), Run(Alnum, 20)], Whole),
    shape("defined", &["dnkey-"], &[Run(Url, 26)], Whole),
    shape("posthog", &["phx_", "phs_", "phc_", "phr_"], &[Run(Url, 36)], Dense),
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
    shape("airtable", &["pat"], &[Run(Alnum, 14), Byte(b'.'), Run(Alnum, 60)], Whole),
    shape("hubspot", &["pat-na1-", "pat-na2-", "pat-eu1-", "pat-ap1-"], &[Run(Alnum, 8), Byte(b'-'), Run(Url, 20)], Whole),
    shape("figma", &["figd_", "figo_", "figu_", "figdr_", "figp_", "figor_"], &[Run(Url, 30)], Whole),
    shape("trello", &["ATTA"], &[Run(Hex, 60)], Whole),
    shape("clickup", &["pk_"], &[Run(Digits, 5), Byte(b'_'), Run(Capitals, 30)], Whole),
    shape("asana", &["1/", "2/"], &[Run(Digits, 12), Byte(b':'), Run(Hex, 32)], Whole),
    shape("typeform", &["tfp_"], &[Run(Wide, 40)], Whole),
    shape("intra42", &["s-s4t2ud-", "s-s4t2af-", "u-s4t2ud-", "u-s4t2af-"], &[Run(Hex, 64)], Whole),
    shape("frameio", &["fio-u-"], &[Run(Wide, 60)], Whole),
    shape("adobe", &["p8e-"], &[Run(Alnum, 32)], Whole),
    shape("contentful", &["CFPAT-"], &[Run(Url, 40)], Whole),
    shape("dropbox", &["sl.u.", "sl.B", "sl.A"], &[Run(Url, 60)], Whole),
    shape("dropbox-short", &["sl."], &[Run(Url, 120)], Dense),
    shape("infracost", &["ico-"], &[Run(Alnum, 32)], Whole),
    shape("settlemint", &["sm_aat_", "sm_pat_", "sm_sat_"], &[Run(Alnum, 16)], Whole),
    // Mail, money, maps.
    shape("sendgrid", &["SG."], &[Run(Url, 16), Byte(b'.'), Run(Url, 16)], Whole),
    shape("brevo", &["xkeysib-", "xsmtpsib-"], &[Run(Url, 60)], Whole),
    shape("resend", &["re_"], &[Run(Alnum, 8), Byte(b'_'), Run(Alnum, 20)], Whole),
    shape("mailgun", &["key-", "pubkey-"], &[Run(Hex, 32)], Whole),
    shape("mailgun-alnum", &["key-"], &[Run(Alnum, 32)], Scattered),
    shape("locationiq", &["pk."], &[Run(Hex, 32)], Whole),
    shape("mailchimp", &["-us"], &[Run(Digits, 1)], Around(Hex, 32)),
    shape("twilio", &["SK"], &[Run(Alnum, 32)], Dense),
    shape("stripe", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "sk_org_", "whsec_", "sk_prod_", "rk_prod_", "pk_prod_", "sk_sbox_", "pk_sbox_", "ek_live_", "ek_test_"], &[Run(Url, 14)], Whole),
    shape("sk-alnum", &["sk_", "rk_", "pk_"], &[Run(Alnum, 20)], Dense),
    shape("shopify", &["shpat_", "shpca_", "shppa_", "shpss_", "shpua_", "shptka_"], &[Run(Hex, 30)], Whole),
    shape("square", &["sq0atp-", "sq0csp-", "sq0idp-", "sq0", "EAAAE", "EAAAl"], &[Run(Url, 22)], Whole),
    shape("plaid", &["access-sandbox-", "access-development-", "access-production-", "public-sandbox-", "link-sandbox-", "link-production-"], &[Run(Url, 30)], Whole),
    shape("flutterwave", &["FLWSECK-", "FLWSECK_TEST-", "FLWPUBK-", "FLWPUBK_TEST-"], &[Run(Url, 12)], Whole),
    shape("easypost", &["EZAK", "EZTK"], &[Run(Alnum, 50)], Whole),
    shape("duffel", &["duffel_test_", "duffel_live_"], &[Run(Wide, 40)], Whole),
    shape("shippo", &["shippo_live_", "shippo_test_"], &[Run(Hex, 40)], Whole),
    shape("lob", &["live_", "test_"], &[Run(Hex, 35)], Whole),
    // Tests are called so, too: only a word in which digits are scattered is a token.
    shape("live", &["live_", "test_"], &[Run(Alnum, 26)], Scattered),
    shape("gocardless", &["live_"], &[Run(Wide, 40)], Scattered),
    shape("facebook", &["EAA", "IGQV", "IGAA"], &[Run(Url, 60)], Dense),
    shape("mapbox", &["sk.eyJ", "tk.eyJ", "sk.ey", "tk.ey"], &[Run(Wide, 40)], Whole),
    shape("maxmind", &["_mmk"], &[], Around(Url, 30)),
    // A private key in Base64, and a token of three parts in it.
    shape("base64-pem", &["LS0tLS1CRUdJTiBQUklWQVRFIEtFW", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRV", "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFW", "LS0tLS1CRUdJTiBEU0EgUFJJVkFURSBLRV", "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ", "LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRV", "LS0tLS1CRUdJTiBQR1AgUFJJVkFURSBLRV", "LS0tLS1CRUdJTiBBTlkgUFJJVkFURSBLRV"], &[Run(Base64, 8)], Whole),
    shape("base64-jwt", &["ZXlK"], &[Run(Base64, 60)], Dense),
    // Every beginning that the lists of secret scanners have besides.
    shape("code-more", &["gitpod_pat_", "csb_v1_", "kpat_", "spat_", "BBDC-", "odt_", "dsp_", "cal_live_", "retool_01"], &[Run(Base64, 24)], Dense),
    shape("ci-more", &["signkey-prod-", "signkey-test-", "signkey-branch-", "dtn_", "crsr_", "rootly_", "tr_dev_", "tr_prod_", "tr_stg_", "tr_pat_"], &[Run(Alnum, 20)], Scattered),
    shape("key", &["key_"], &[Run(Hex, 32)], Whole),
    shape("databases-more", &["mdb_sa_sk_", "xau_", "CCDB1_", "AVNS_", "AstraCS:", "essu_", "dbtc_", "dbts_", "cbkey_"], &[Run(Wide, 16)], Dense),
    shape("models-more", &["rpa_", "sess-", "al-", "ak-", "as-", "zut_", "zwt_", "rqsty-sk-", "flp_", "pk-lf-", "sk-let-", "sk_car_", "luma-", "hl_sk_"], &[Run(Url, 22)], Scattered),
    shape("clouds-more", &["AKLT", "AKTP", "ALTAK-", "bce-v3/ALTAK-", "akab-", "ucat_", "YCAJE", "YCAA", "YCAM", "YCAL", "y0_", "vk1.a."], &[Run(Path, 16)], Dense),
    shape("capitals-more", &["SCW", "DO00", "DO801", "A3T"], &[Run(Capitals, 15)], Dense),
    shape("exoscale", &["EXO"], &[Run(Hex, 24)], Whole),
    shape("google-hmac", &["GOOG1E"], &[Run(Alnum, 40)], Dense),
    shape("amazon", &["amzn1.oa2-cs.v1.", "Atza|", "Atzr|", "amzn1.application-oa2-client."], &[Run(Crypt, 30)], Whole),
    shape("fcm", &[":APA91b"], &[Run(Url, 100)], Around(Url, 8)),
    shape("recaptcha", &["6Lc", "6Ld", "6Le", "6Lf"], &[Run(Url, 37)], Dense),
    shape("twitter", &["AAAAAAAAAAAAAAAAAAAAA"], &[Run(Path, 80)], Dense),
    shape("linkedin", &["WPL_AP0.", "WPL_AP1."], &[Run(Base64, 12)], Whole),
    shape("pinterest", &["pina_"], &[Run(Alnum, 40)], Whole),
    shape("discord-mfa", &["mfa."], &[Run(Url, 60)], Dense),
    shape("stytch", &["secret-live-", "secret-test-"], &[Run(Wide, 20)], Dense),
    shape("statsig", &["secret-", "console-"], &[Run(Alnum, 36)], Scattered),
    shape("growthbook", &["secret_user_", "secret_admin_", "secret_readonly_"], &[Run(Alnum, 20)], Scattered),
    shape("honeycomb", &["hcaik_", "hcxik_", "hcamk_", "hcbik_", "hcaic_", "hcalk_"], &[Run(Alnum, 20)], Whole),
    // Money.
    shape("braintree", &["access_token$production$", "access_token$sandbox$"], &[Run(Alnum, 12), Byte(b'$'), Run(Hex, 24)], Whole),
    shape("razorpay", &["rzp_live_", "rzp_test_"], &[Run(Alnum, 12)], Whole),
    shape("polar", &["polar_oat_", "polar_pat_", "polar_at_", "polar_rt_", "polar_ci_", "polar_cs_", "polar_cst_", "polar_whs_", "polar_ou_"], &[Run(Url, 20)], Whole),
    shape("paddle", &["pdl_live_apikey_", "pdl_sdbx_apikey_", "pdl_ntfset_"], &[Run(Url, 20)], Whole),
    shape("ramp", &["ramp_id_", "ramp_sec_", "ramp_tok_"], &[Run(Alnum, 32)], Whole),
    shape("pagarme", &["ak_live_", "ak_test_"], &[Run(Alnum, 24)], Dense),
    shape("money-more", &["xnd_production_", "xnd_development_", "Mid-server-", "SB-Mid-server-", "skey_", "klarna_live_api_", "klarna_test_api_", "persona_production_", "persona_sandbox_", "APP_USR-"], &[Run(Wide, 16)], Dense),
    shape("onfido", &["api_live.", "api_sandbox.", "api_live_", "api_sandbox_"], &[Run(Wide, 24)], Dense),
    shape("intent", &["pi_", "seti_"], &[Run(Alnum, 16), Byte(b'_'), Byte(b's'), Byte(b'e'), Byte(b'c'), Byte(b'r'), Byte(b'e'), Byte(b't'), Byte(b'_'), Run(Alnum, 16)], Whole),
    // What names a seller's or a person's account, and opens it.
    shape("salesforce", &["00D"], &[Run(Alnum, 12), Byte(b'!'), Run(Wide, 60)], Whole),
    shape("salesforce-app", &["3MVG9", "5AEP861"], &[Run(Crypt, 60)], Dense),
    shape("zoho", &["1000."], &[Run(Hex, 32), Byte(b'.'), Run(Hex, 32)], Whole),
    shape("voiceflow", &["VF."], &[Run(Hex, 24), Byte(b'.'), Run(Alnum, 16)], Whole),
    shape("voiceflow-kind", &["VF.DM.", "VF.WS."], &[Run(Hex, 24), Byte(b'.'), Run(Alnum, 16)], Whole),
    shape("stackhawk", &["hawk."], &[Run(Url, 20), Byte(b'.'), Run(Url, 20)], Whole),
    shape("authress", &["sc_", "ext_", "scauth_", "authress_"], &[Run(Alnum, 5), Byte(b'.'), Run(Alnum, 4), Byte(b'.'), Byte(b'a'), Byte(b'c'), Byte(b'c'), Run(Url, 10), Byte(b'.'), Run(Crypt, 30)], Whole),
    shape("klaviyo", &["pk_"], &[Run(Alnum, 6), Byte(b'_'), Run(Hex, 34)], Whole),
    shape("tickettailor", &["sk_"], &[Run(Digits, 3), Byte(b'_'), Run(Digits, 3), Byte(b'_'), Run(Alnum, 32)], Whole),
    shape("close", &["api_"], &[Run(Alnum, 18), Byte(b'.'), Run(Alnum, 18)], Whole),
    shape("rapidapi", &["msh"], &[Run(Alnum, 36)], Around(Alnum, 10)),
    shape("onesignal", &["os_v2_app_", "os_v2_org_"], &[Run(Alnum, 40)], Whole),
    shape("okta", &["SSWS "], &[Run(Url, 20)], Rest),
    shape("intercom", &["dG9rO"], &[Run(Base64, 50)], Dense),
    shape("offices-more", &["tkn.v1_", "nyk_v0_", "n8n_api_", "storecove_", "supernotes_sk-", "shltm_", "sqco_", "ion_", "jca_", "censys_", "codemagic_"], &[Run(Crypt, 28)], Dense),
    shape("people-more", &["aio_", "BBFF-", "flb_live_", "flb_test_", "NF-", "scp-live-", "scp-test-", "bb_pr_", "bb_ma_", "PLAK", "web_", "ddp_", "ddw_"], &[Run(Alnum, 20)], Scattered),
    shape("regions-more", &["na1.", "eu1."], &[Run(Base64, 90)], Dense),
    shape("salad", &["salad_cloud_"], &[Run(Alnum, 1), Byte(b'_'), Run(Alnum, 7)], Whole),
    shape("clickhouse", &["4b1d"], &[Run(Alnum, 38)], Scattered),
    shape("endor", &["endr+"], &[Run(Url, 16)], Scattered),
    shape("new-relic-app", &["-NRMA"], &[], Around(Alnum, 30)),
    shape("telnyx", &["KEY0"], &[Run(Hex, 20), Byte(b'_'), Run(Alnum, 16)], Whole),
    shape("wallet", &["xprv", "yprv", "zprv", "tprv"], &[Run(Alnum, 90)], Dense),
    shape("wallet-more", &["nsec1", "suiprivkey1", "edsk", "ed25519:"], &[Run(Alnum, 50)], Dense),
    shape("minisign", &["RWRTY0Iy"], &[Run(Base64, 60)], Whole),
    shape("swarm", &["SWMTKN-1-"], &[Run(Alnum, 40), Byte(b'-'), Run(Alnum, 20)], Whole),
    shape("k3s", &["::server:"], &[Run(Hex, 24)], Around(Alnum, 40)),
    // What a session of AWS is opened with begins with the name of its issuer in Base64.
    shape("aws-session", &["IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz", "AQoDYXdz"], &[Run(Base64, 60)], Whole),
    // What is cracked as a password is.
    shape("kerberos", &["$krb5asrep$23$"], &[Run(Path, 3), Byte(b':'), Run(Hex, 16), Byte(b'$'), Run(Hex, 16)], Whole),
    shape("kerberos-service", &["$krb5tgs$23$*"], &[Run(Path, 1), Byte(b'$'), Run(Path, 1), Byte(b'$'), Run(Path, 1), Byte(b'*'), Byte(b'$'), Run(Hex, 16), Byte(b'$'), Run(Hex, 16)], Whole),
    shape("teams-hook-old", &["outlook.office.com/webhook/"], &[Run(Path, 20)], Rest),
    shape("tines-hook", &[".tines.com/webhook/"], &[Run(Path, 20)], Rest),
    shape("thingsboard", &["thingsboard.cloud/api/v1/"], &[Run(Alnum, 20)], Rest),
    // Hashes of passwords.
    shape("bcrypt", &["$2a$", "$2b$", "$2y$", "$2x$"], &[Run(Digits, 2), Byte(b'$'), Run(Path, 50)], Whole),
    // MD5, SHA-256, SHA-512, as crypt(5) numbers them, and Apache's.
    shape("crypt", &["$1$", "$5$", "$6$", "$y$", "$apr1$"], &[Run(Path, 2), Byte(b'$'), Run(Path, 20), More(b'$', Crypt)], Whole),
    shape("crypt-rounds", &["$5$rounds=", "$6$rounds="], &[Run(Digits, 1), Byte(b'$'), Run(Crypt, 1), Byte(b'$'), Run(Crypt, 20)], Whole),
    shape("yescrypt", &["$y$", "$gy$", "$7$", "$sha1$", "$scrypt$", "$14$"], &[Run(Crypt, 2), Byte(b'$'), Run(Crypt, 4), Byte(b'$'), Run(Crypt, 20)], Whole),
    shape("cisco", &["$8$", "$9$"], &[Run(Crypt, 8), Byte(b'$'), Run(Crypt, 30)], Whole),
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
    // What Windows keeps of a password: the empty hash of LAN Manager, and that of NT.
    shape("ntlm", &["aad3b435b51404eeaad3b435b51404ee:"], &[Run(Hex, 32)], Whole),
    shape(
        "scram",
        &["SCRAM-SHA-256$", "SCRAM-SHA-1$", "SCRAM-SHA-512$"],
        &[Run(Digits, 1), Byte(b':'), Run(Base64, 8), Byte(b'$'), Run(Base64, 20), Byte(b':'), Run(Base64, 20)],
        Whole,
    ),
    shape("ldap-hash", &["{SHA}", "{SSHA}", "{SHA256}", "{SSHA256}", "{SHA512}", "{SSHA512}", "{MD5}", "{SMD5}", "{PBKDF2}", "{SHA384}", "{SSHA384}"], &[Run(Base64, 20)], Whole),
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
            SecretPart::Whole | SecretPart::Dense | SecretPart::Scattered | SecretPart::Rest => sum,
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
