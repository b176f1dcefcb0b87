//! Countries: another notation of a country becomes its ISO 3166-1 alpha-2 code.
//!
//! Canonical: the code in upper case. Repaired, in any case and with outer noise: the code, the alpha-3 code, the short
//! English name, and a few names in wide use (`uk`, `holland`). Malformed: all else, also codes that were never or are no longer assigned.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use super::{Read, trim_noise};

/// Alpha-2 code, alpha-3 code in lower case, short English name in lower case: ISO 3166-1.
#[rustfmt::skip]
const COUNTRIES: [(&str, &str, &str); 249] = [
    ("AD", "and", "andorra"),
    ("AE", "are", "united arab emirates"),
    ("AF", "afg", "afghanistan"),
    ("AG", "atg", "antigua and barbuda"),
    ("AI", "aia", "anguilla"),
    ("AL", "alb", "albania"),
    ("AM", "arm", "armenia"),
    ("AO", "ago", "angola"),
    ("AQ", "ata", "antarctica"),
    ("AR", "arg", "argentina"),
    ("AS", "asm", "american samoa"),
    ("AT", "aut", "austria"),
    ("AU", "aus", "australia"),
    ("AW", "abw", "aruba"),
    ("AX", "ala", "åland islands"),
    ("AZ", "aze", "azerbaijan"),
    ("BA", "bih", "bosnia and herzegovina"),
    ("BB", "brb", "barbados"),
    ("BD", "bgd", "bangladesh"),
    ("BE", "bel", "belgium"),
    ("BF", "bfa", "burkina faso"),
    ("BG", "bgr", "bulgaria"),
    ("BH", "bhr", "bahrain"),
    ("BI", "bdi", "burundi"),
    ("BJ", "ben", "benin"),
    ("BL", "blm", "saint barthélemy"),
    ("BM", "bmu", "bermuda"),
    ("BN", "brn", "brunei"),
    ("BO", "bol", "bolivia"),
    ("BQ", "bes", "caribbean netherlands"),
    ("BR", "bra", "brazil"),
    ("BS", "bhs", "bahamas"),
    ("BT", "btn", "bhutan"),
    ("BV", "bvt", "bouvet island"),
    ("BW", "bwa", "botswana"),
    ("BY", "blr", "belarus"),
    ("BZ", "blz", "belize"),
    ("CA", "can", "canada"),
    ("CC", "cck", "cocos islands"),
    ("CD", "cod", "democratic republic of the congo"),
    ("CF", "caf", "central african republic"),
    ("CG", "cog", "congo"),
    ("CH", "che", "switzerland"),
    ("CI", "civ", "côte d'ivoire"),
    ("CK", "cok", "cook islands"),
    ("CL", "chl", "chile"),
    ("CM", "cmr", "cameroon"),
    ("CN", "chn", "china"),
    ("CO", "col", "colombia"),
    ("CR", "cri", "costa rica"),
    ("CU", "cub", "cuba"),
    ("CV", "cpv", "cape verde"),
    ("CW", "cuw", "curaçao"),
    ("CX", "cxr", "christmas island"),
    ("CY", "cyp", "cyprus"),
    ("CZ", "cze", "czechia"),
    ("DE", "deu", "germany"),
    ("DJ", "dji", "djibouti"),
    ("DK", "dnk", "denmark"),
    ("DM", "dma", "dominica"),
    ("DO", "dom", "dominican republic"),
    ("DZ", "dza", "algeria"),
    ("EC", "ecu", "ecuador"),
    ("EE", "est", "estonia"),
    ("EG", "egy", "egypt"),
    ("EH", "esh", "western sahara"),
    ("ER", "eri", "eritrea"),
    ("ES", "esp", "spain"),
    ("ET", "eth", "ethiopia"),
    ("FI", "fin", "finland"),
    ("FJ", "fji", "fiji"),
    ("FK", "flk", "falkland islands"),
    ("FM", "fsm", "micronesia"),
    ("FO", "fro", "faroe islands"),
    ("FR", "fra", "france"),
    ("GA", "gab", "gabon"),
    ("GB", "gbr", "united kingdom"),
    ("GD", "grd", "grenada"),
    ("GE", "geo", "georgia"),
    ("GF", "guf", "french guiana"),
    ("GG", "ggy", "guernsey"),
    ("GH", "gha", "ghana"),
    ("GI", "gib", "gibraltar"),
    ("GL", "grl", "greenland"),
    ("GM", "gmb", "gambia"),
    ("GN", "gin", "guinea"),
    ("GP", "glp", "guadeloupe"),
    ("GQ", "gnq", "equatorial guinea"),
    ("GR", "grc", "greece"),
    ("GS", "sgs", "south georgia and the south sandwich islands"),
    ("GT", "gtm", "guatemala"),
    ("GU", "gum", "guam"),
    ("GW", "gnb", "guinea-bissau"),
    ("GY", "guy", "guyana"),
    ("HK", "hkg", "hong kong"),
    ("HM", "hmd", "heard island and mcdonald islands"),
    ("HN", "hnd", "honduras"),
    ("HR", "hrv", "croatia"),
    ("HT", "hti", "haiti"),
    ("HU", "hun", "hungary"),
    ("ID", "idn", "indonesia"),
    ("IE", "irl", "ireland"),
    ("IL", "isr", "israel"),
    ("IM", "imn", "isle of man"),
    ("IN", "ind", "india"),
    ("IO", "iot", "british indian ocean territory"),
    ("IQ", "irq", "iraq"),
    ("IR", "irn", "iran"),
    ("IS", "isl", "iceland"),
    ("IT", "ita", "italy"),
    ("JE", "jey", "jersey"),
    ("JM", "jam", "jamaica"),
    ("JO", "jor", "jordan"),
    ("JP", "jpn", "japan"),
    ("KE", "ken", "kenya"),
    ("KG", "kgz", "kyrgyzstan"),
    ("KH", "khm", "cambodia"),
    ("KI", "kir", "kiribati"),
    ("KM", "com", "comoros"),
    ("KN", "kna", "saint kitts and nevis"),
    ("KP", "prk", "north korea"),
    ("KR", "kor", "south korea"),
    ("KW", "kwt", "kuwait"),
    ("KY", "cym", "cayman islands"),
    ("KZ", "kaz", "kazakhstan"),
    ("LA", "lao", "laos"),
    ("LB", "lbn", "lebanon"),
    ("LC", "lca", "saint lucia"),
    ("LI", "lie", "liechtenstein"),
    ("LK", "lka", "sri lanka"),
    ("LR", "lbr", "liberia"),
    ("LS", "lso", "lesotho"),
    ("LT", "ltu", "lithuania"),
    ("LU", "lux", "luxembourg"),
    ("LV", "lva", "latvia"),
    ("LY", "lby", "libya"),
    ("MA", "mar", "morocco"),
    ("MC", "mco", "monaco"),
    ("MD", "mda", "moldova"),
    ("ME", "mne", "montenegro"),
    ("MF", "maf", "saint martin"),
    ("MG", "mdg", "madagascar"),
    ("MH", "mhl", "marshall islands"),
    ("MK", "mkd", "north macedonia"),
    ("ML", "mli", "mali"),
    ("MM", "mmr", "myanmar"),
    ("MN", "mng", "mongolia"),
    ("MO", "mac", "macao"),
    ("MP", "mnp", "northern mariana islands"),
    ("MQ", "mtq", "martinique"),
    ("MR", "mrt", "mauritania"),
    ("MS", "msr", "montserrat"),
    ("MT", "mlt", "malta"),
    ("MU", "mus", "mauritius"),
    ("MV", "mdv", "maldives"),
    ("MW", "mwi", "malawi"),
    ("MX", "mex", "mexico"),
    ("MY", "mys", "malaysia"),
    ("MZ", "moz", "mozambique"),
    ("NA", "nam", "namibia"),
    ("NC", "ncl", "new caledonia"),
    ("NE", "ner", "niger"),
    ("NF", "nfk", "norfolk island"),
    ("NG", "nga", "nigeria"),
    ("NI", "nic", "nicaragua"),
    ("NL", "nld", "netherlands"),
    ("NO", "nor", "norway"),
    ("NP", "npl", "nepal"),
    ("NR", "nru", "nauru"),
    ("NU", "niu", "niue"),
    ("NZ", "nzl", "new zealand"),
    ("OM", "omn", "oman"),
    ("PA", "pan", "panama"),
    ("PE", "per", "peru"),
    ("PF", "pyf", "french polynesia"),
    ("PG", "png", "papua new guinea"),
    ("PH", "phl", "philippines"),
    ("PK", "pak", "pakistan"),
    ("PL", "pol", "poland"),
    ("PM", "spm", "saint pierre and miquelon"),
    ("PN", "pcn", "pitcairn"),
    ("PR", "pri", "puerto rico"),
    ("PS", "pse", "palestine"),
    ("PT", "prt", "portugal"),
    ("PW", "plw", "palau"),
    ("PY", "pry", "paraguay"),
    ("QA", "qat", "qatar"),
    ("RE", "reu", "réunion"),
    ("RO", "rou", "romania"),
    ("RS", "srb", "serbia"),
    ("RU", "rus", "russia"),
    ("RW", "rwa", "rwanda"),
    ("SA", "sau", "saudi arabia"),
    ("SB", "slb", "solomon islands"),
    ("SC", "syc", "seychelles"),
    ("SD", "sdn", "sudan"),
    ("SE", "swe", "sweden"),
    ("SG", "sgp", "singapore"),
    ("SH", "shn", "saint helena"),
    ("SI", "svn", "slovenia"),
    ("SJ", "sjm", "svalbard and jan mayen"),
    ("SK", "svk", "slovakia"),
    ("SL", "sle", "sierra leone"),
    ("SM", "smr", "san marino"),
    ("SN", "sen", "senegal"),
    ("SO", "som", "somalia"),
    ("SR", "sur", "suriname"),
    ("SS", "ssd", "south sudan"),
    ("ST", "stp", "são tomé and príncipe"),
    ("SV", "slv", "el salvador"),
    ("SX", "sxm", "sint maarten"),
    ("SY", "syr", "syria"),
    ("SZ", "swz", "eswatini"),
    ("TC", "tca", "turks and caicos islands"),
    ("TD", "tcd", "chad"),
    ("TF", "atf", "french southern territories"),
    ("TG", "tgo", "togo"),
    ("TH", "tha", "thailand"),
    ("TJ", "tjk", "tajikistan"),
    ("TK", "tkl", "tokelau"),
    ("TL", "tls", "timor-leste"),
    ("TM", "tkm", "turkmenistan"),
    ("TN", "tun", "tunisia"),
    ("TO", "ton", "tonga"),
    ("TR", "tur", "turkey"),
    ("TT", "tto", "trinidad and tobago"),
    ("TV", "tuv", "tuvalu"),
    ("TW", "twn", "taiwan"),
    ("TZ", "tza", "tanzania"),
    ("UA", "ukr", "ukraine"),
    ("UG", "uga", "uganda"),
    ("UM", "umi", "united states minor outlying islands"),
    ("US", "usa", "united states"),
    ("UY", "ury", "uruguay"),
    ("UZ", "uzb", "uzbekistan"),
    ("VA", "vat", "vatican city"),
    ("VC", "vct", "saint vincent and the grenadines"),
    ("VE", "ven", "venezuela"),
    ("VG", "vgb", "british virgin islands"),
    ("VI", "vir", "united states virgin islands"),
    ("VN", "vnm", "vietnam"),
    ("VU", "vut", "vanuatu"),
    ("WF", "wlf", "wallis and futuna"),
    ("WS", "wsm", "samoa"),
    ("YE", "yem", "yemen"),
    ("YT", "myt", "mayotte"),
    ("ZA", "zaf", "south africa"),
    ("ZM", "zmb", "zambia"),
    ("ZW", "zwe", "zimbabwe"),
];

/// Names in wide use beside the short name.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("america", "US"),
    ("bolivarian republic of venezuela", "VE"),
    ("burma", "MM"),
    ("cabo verde", "CV"),
    ("cote d'ivoire", "CI"),
    ("curacao", "CW"),
    ("czech republic", "CZ"),
    ("dr congo", "CD"),
    ("england", "GB"),
    ("great britain", "GB"),
    ("holland", "NL"),
    ("iran, islamic republic of", "IR"),
    ("ivory coast", "CI"),
    ("korea", "KR"),
    ("korea, republic of", "KR"),
    ("macau", "MO"),
    ("macedonia", "MK"),
    ("republic of korea", "KR"),
    ("reunion", "RE"),
    ("russian federation", "RU"),
    ("sao tome and principe", "ST"),
    ("swaziland", "SZ"),
    ("the netherlands", "NL"),
    ("türkiye", "TR"),
    ("turkiye", "TR"),
    ("u.k.", "GB"),
    ("u.s.", "US"),
    ("u.s.a.", "US"),
    ("uae", "AE"),
    ("uk", "GB"),
    ("united states of america", "US"),
    ("viet nam", "VN"),
];

/// Whether the pair of letters is assigned: indexed by [`pair`].
const ASSIGNED: [bool; 26 * 26] = {
    let mut assigned = [false; 26 * 26];
    let mut i = 0;
    while i < COUNTRIES.len() {
        let code = COUNTRIES[i].0.as_bytes();
        assigned[pair(code[0], code[1])] = true;
        i += 1;
    }
    assigned
};

/// Every other notation, in lower case, and its code.
static ALIASES: LazyLock<HashMap<Cow<'static, str>, &'static str>> = LazyLock::new(|| {
    let mut aliases = HashMap::new();
    for (alpha2, alpha3, name) in COUNTRIES {
        aliases.insert(Cow::Owned(alpha2.to_ascii_lowercase()), alpha2);
        aliases.insert(Cow::Borrowed(alpha3), alpha2);
        aliases.insert(Cow::Borrowed(name), alpha2);
    }
    aliases.extend(OTHER_NAMES.iter().map(|&(name, alpha2)| (Cow::Borrowed(name), alpha2)));
    aliases
});

const fn pair(first: u8, second: u8) -> usize {
    (first - b'A') as usize * 26 + (second - b'A') as usize
}

/// Reads a country; the value is its alpha-2 code.
pub(crate) fn read(text: &str) -> Read<Cow<'_, str>> {
    if let &[first @ b'A'..=b'Z', second @ b'A'..=b'Z'] = text.as_bytes()
        && ASSIGNED[pair(first, second)]
    {
        return Read::Canonical(Cow::Borrowed(text));
    }
    match ALIASES.get(trim_noise(text).to_lowercase().as_str()) {
        Some(alpha2) => Read::Repaired(Cow::Borrowed(alpha2)),
        None => Read::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::testing::{canonical, malformed, repaired};

    #[test]
    fn every_code_is_canonical_and_every_alias_leads_to_one() {
        for (alpha2, alpha3, name) in COUNTRIES {
            canonical(read(alpha2), alpha2);
            for alias in [alpha3, name, &alpha3.to_uppercase(), &name.to_uppercase(), &alpha2.to_lowercase()] {
                repaired(read(alias), alpha2);
            }
        }
        for (name, alpha2) in OTHER_NAMES {
            assert!(COUNTRIES.iter().any(|country| country.0 == *alpha2), "{alpha2}");
            repaired(read(name), *alpha2);
        }
    }

    #[test]
    fn no_notation_means_two_countries() {
        let names = COUNTRIES.iter().flat_map(|c| [c.0.to_lowercase(), c.1.to_owned(), c.2.to_owned()]);
        let all: Vec<_> = names.chain(OTHER_NAMES.iter().map(|(name, _)| (*name).to_owned())).collect();
        assert_eq!(ALIASES.len(), all.len());
    }

    #[test]
    fn case_and_outer_noise_are_repaired() {
        for text in ["us", "Us", " US", "US\u{200b}", "usa", "USA", "UsA", "united states", "United States", "\tUSA\n"]
        {
            repaired(read(text), "US");
        }
        repaired(read("uk"), "GB");
        repaired(read("UK"), "GB");
        repaired(read("CÔTE D'IVOIRE"), "CI");
    }

    #[test]
    fn unassigned_codes_and_nonsense_are_malformed() {
        for text in ["ZZ", "XK", "SU", "U S", "U", "USAA", "U\u{200b}S", "12", "🇺🇸", "ＵＳ", "Atlantis"] {
            malformed(&read(text));
        }
    }
}
