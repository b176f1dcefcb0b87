//! What names are made of, language by language: syllables, everyday words, and how they are put together.
//!
//! Chosen so that nothing they make is known to us as an insult, and so that an end never composes with a beginning: all is in
//! Unicode's NFC wherever it is joined. A list stands on one line, whatever its length.

/// How names are made in a language.
///
/// A *form* is text in which a digit stands for an entry of that list, `*` for a whole artist, `#` for a small number and `@`
/// for a year. Forms are drawn evenly; a common one is written more than once.
pub(super) struct Language {
    /// 0 to 2: first, middle and last syllables of given names. 3, 4: beginnings and ends of family names. 5: nouns.
    /// 6: what goes with a noun. 7, 8: beginnings and ends of a sentence. 9: what bands are called.
    /// A language may keep something else in a list that its forms use otherwise.
    pub(super) lists: [&'static [&'static str]; 10],
    pub(super) artists: &'static [&'static str],
    /// Empty where only names are spelled this way, not songs: those are then in English.
    pub(super) titles: &'static [&'static str],
    /// What is added to a title.
    pub(super) endings: &'static [&'static str],
}

/// The entries of a text that are separated by `|`.
macro_rules! list {
    ($text:literal) => {{
        const ENTRIES: [&str; count($text)] = split($text);
        &ENTRIES
    }};
}

const fn count(text: &str) -> usize {
    let (mut entries, mut at) = (1, 0);
    while at < text.len() {
        entries += (text.as_bytes()[at] == b'|') as usize;
        at += 1;
    }
    entries
}

const fn split<const N: usize>(text: &'static str) -> [&'static str; N] {
    let mut entries = [""; N];
    let (mut entry, mut from, mut at) = (0, 0, 0);
    while at <= text.len() {
        if at == text.len() || text.as_bytes()[at] == b'|' {
            entries[entry] = text.split_at(at).0.split_at(from).1;
            entry += 1;
            from = at + 1;
        }
        at += 1;
    }
    entries
}

pub(super) static ENGLISH: Language = Language {
    lists: [
        list!("Al|Ar|Bel|Bran|Cal|Cor|Dal|Dev|El|Em|Fen|Gar|Hal|Har|Jas|Jo|Ka|Kel|Lan|Lor|Ma|Mar|Mel|Mor|Na|Nor|Or|Per|Quin|Ro|Ros|Sal|Shel|Tam|Tris|Val|Ves|Wil|Wren"),
        list!("|||a|e|i|o|la|li|ra"),
        list!("den|lan|lyn|na|ry|ley|son|ric|tha|vin|wyn|beth|cy|da|dan|lie|mond|nie|ra|rick|ta|ton|vey|za"),
        list!("Ash|Barn|Beck|Birch|Brad|Burn|Carl|Chest|Clay|Cold|Cran|Dal|East|Elm|Fair|Far|Fern|Glen|Gold|Green|Hart|Hawk|Hazel|High|Holl|Kings|Lang|Lock|March|Mead|Mill|North|Oak|Pem|Quill|Rad|Rams|Red|Sax|Sher|Stan|Sum|Thorn|Wake|Wal|West|Whit|Win|York"),
        list!("ard|berry|bourne|bridge|brook|by|cliff|combe|cote|croft|dale|don|er|field|ford|ham|hurst|land|ley|man|mere|more|ridge|shaw|stead|stone|ton|wall|ward|well|wick|wood|worth"),
        list!("River|Light|Heart|Summer|Road|Mirror|Garden|Shadow|Ocean|Fire|Window|Letter|Machine|City|Dream|Winter|Bridge|Sky|Station|Dance|Ghost|Harbour|Kitchen|Signal|Thunder|Island|Echo|Moon|Hotel|Highway|Orchard|Photograph|Telephone|Weekend|Horizon|Carousel|Lantern|Staircase|Sunday|Monsoon|Compass|Feather"),
        list!("Silver|Broken|Golden|Quiet|Electric|Lonely|Distant|Burning|Hidden|Slow|Midnight|Paper|Velvet|Wild|Frozen|Blue|Crooked|Endless|Hollow|Sweet|Foreign|Heavy|Last|Little|Northern|Loud|Amber|Borrowed|Careful|Faded|Gentle|Marble|Neon|Restless|Sleepless|Tangerine|Wooden"),
        list!("Tell Me|Still Dreaming|We Run|Take Me|Meet Me|Hold On|You Left|Leave It|Nobody Dances|I'll Wait|Keep Driving|Somebody Cried|Dance Slowly|Wake Me|We Fell|Counting Cars|She Sings|He Walks|Going Home|I Forgot|Call Again|Never Mind"),
        list!("in the Rain|After Midnight|by the River|Until Morning|Like Before|on the Radio|Without You|at the Window|All Summer|Again|Tonight|Someday|Too Late|Before You Go|for Nothing|Twice|in Colour|With Strangers"),
        list!("Foxes|Kings|Lanterns|Sparrows|Drifters|Engines|Astronauts|Neighbours|Cowboys|Pilots|Wolves|Tigers|Postmen|Sailors|Saints|Mirrors|Gardeners|Twins|Satellites|Magpies|Strangers|Tourists|Club|Orchestra|Collective|Trio|Sisters|Brothers|Ensemble|Choir"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|02 02 34|02 02 34|02 02 34|02 02 34|012 & 012|34 & 34|The 34 9|The 34 9|34 9|34 9|DJ 012|012|012 & the 6 9|6 5 9|5 & the 6 9|Lil 012 34|34 5 9|The 6 5 9"),
    titles: list!("6 5|6 5|6 5|6 5|5|5 of the 5|5 and 5|7 8|7 8|7 8|My 6 5|No More 5|The 6 5|7|8|5, Pt. #|5 No. #|Summer of @|5 in the 5|6 and 6|Where Is the 5?|Who Stole My 5?|Are You 6 Tonight?|Is This the 6 5?|Like a 6 5|02 34|02's 5"),
    endings: list!(" (Live)| - Live| - Live at 34 Hall| (Acoustic)| - Acoustic| - Remix| (* Remix)| (* Remix)| - Remastered @| - @ Remaster| - Radio Edit| - Extended Mix| (Demo)| - Demo| (feat. *)| (feat. *)| (feat. *)| (with *)| - Instrumental| (Interlude)| - Sped Up| - Slowed + Reverb| - Single Version| (Reprise)| - Bonus Track"),
};

static SPANISH: Language = Language {
    lists: [
        list!("A|Ale|Ari|Be|Bre|Cami|Cla|Da|Di|E|Edu|Eli|Fa|Feli|Flo|Ga|Gre|He|I|Isa|Je|Ju|La|Leo|Lo|Lu|Ma|Mari|Mi|Na|Ne|No|O|Ra|Re|Rodri|Sa|Sere|Si|So|Va|Vi|Xi|Ya"),
        list!("|||ci|di|la|le|li|mi|na|ri|ro|vi"),
        list!("bel|cia|drés|el|la|lda|lina|lio|lo|lva|mar|na|ndro|nia|no|nso|rio|ra|rado|ricio|sa|ssa|stián|to|vier|xa"),
        list!("Al|Arr|Bal|Barr|Carr|Cas|Cer|Cort|Esc|Esp|Fern|Fig|Gall|Gonz|Herr|Ib|Jim|Lor|Mald|Mend|Mont|Mor|Nav|Ol|Ort|Pal|Quint|Ram|Riv|Rold|Sal|Sand|Sol|Tor|Urr|Val|Varg|Vel|Vill|Zam|Zarr"),
        list!("ado|aga|alba|ales|ana|anda|ano|arez|arte|azo|eda|ejo|elo|encia|eno|era|erón|eros|illo|ina|inez|iño|ón|ondo|ores|osa|oval|uela|uero|urra"),
        list!("Corazón|Luna|Noche|Fuego|Camino|Verano|Mar|Cielo|Sombra|Ventana|Carta|Lluvia|Café|Ciudad|Guitarra|Jardín|Espejo|Otoño|Barco|Frontera|Señal|Mañana|Puente|Canción|Vuelo|Arena|Faro|Silencio|Baile|Sueño"),
        list!("de papel|de cristal|sin nombre|del sur|en la lluvia|de medianoche|que no vuelve|de verano|sin ti|de los dos|en llamas|de madrugada|con mi gente|para nadie|de mi pueblo|a la orilla|de ayer|del puerto"),
        list!("No me digas|Quédate|Baila conmigo|Ya no quiero|Dime|Vuelve|Te espero|Nos vemos|Me olvidé|Canta|Vámonos|Déjame|Llévame|Soñé"),
        list!("otra vez|esta noche|sin miedo|al amanecer|mañana|despacio|en silencio|lejos|como antes|de verdad|un ratito|contigo|al final"),
        list!("Hermanos|Vecinos|Faroles|Viajeros|Jilgueros|Piratas|Grillos|Marineros|Caminantes|Primos|Relojeros|Gatos"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|02 02 34|012 34 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 y 012|012 y los 9|Los 9 de 34|34 y los 9|DJ 012|5 6 y 5|012|Banda 5 34|Grupo 34 5"),
    titles: list!("5 6|5 6|5 6|5|7 8|7 8|7 8|7|Mi 5|Tu 5 y mi 5|5 y 5|¿Dónde está mi 5?|¿Quién eres?|¿Y tú qué, 02?|¡7!|5 #|5 (Parte #)|Entre 5 y 5|Verano @|02|7, 02"),
    endings: list!(" (En Vivo)| - En Vivo| (Acústico)| - Versión Acústica| - Remix| (Remix)| (feat. *)| (con *)| - Remasterizado @| (Interludio)| - Instrumental"),
};

static PORTUGUESE: Language = Language {
    lists: [
        list!("A|Be|Cla|Da|Di|Edu|Eli|Fa|Fer|Gabri|Gi|He|I|Isa|Jo|Ju|Lau|Le|Lu|Ma|Mari|Mi|Na|O|Ra|Rafa|Re|Rosa|Sa|Si|Tali|Thi|Va|Vi|Ya|Zé"),
        list!("|||bi|ci|da|li|lo|mi|na|ri|ra|vi|re|ni"),
        list!("lda|na|ne|no|la|lia|lio|ndo|nda|ninho|ra|rson|son|ssa|to|ta|tor|que|ana|são|mar|cio|cia|ela"),
        list!("Alb|Alm|Amar|Andr|Arauj|Azev|Barr|Batist|Bez|Carv|Cav|Cord|Corr|Dant|Esp|Far|Fern|Ferr|Fig|Fonts|Gouv|Lac|Mac|Magal|Med|Men|Mor|Mour|Nasc|Nog|Oliv|Parr|Per|Pinh|Quint|Res|Salg|Sant|Seix|Silv|Tav|Teix|Vasc|Vieg"),
        list!("ado|alho|ais|ante|ão|eda|edo|eira|eiro|ela|ena|ende|ento|eiros|ete|osa|oso|inho|ino|ães|ares|ães Neto|eira Filho|ura"),
        list!("Saudade|Lua|Noite|Fogo|Estrada|Verão|Mar|Céu|Sombra|Janela|Carta|Chuva|Cidade|Violão|Jardim|Espelho|Barco|Manhã|Ponte|Canção|Coração|Areia|Silêncio|Dança|Sonho|Praia|Maré|Varanda|Domingo|Sertão"),
        list!("de papel|sem nome|do sul|na chuva|de madrugada|que não volta|de verão|sem você|de nós dois|em chamas|da minha terra|à beira-mar|de ontem|do interior|de fevereiro|na varanda"),
        list!("Não me diga|Fica comigo|Dança|Já não quero|Me diz|Volta|Te espero|Vem cá|Eu esqueci|Canta|Vamos|Deixa|Me leva|Sonhei"),
        list!("outra vez|esta noite|sem medo|até amanhecer|amanhã|devagar|em silêncio|longe daqui|como antes|de verdade|com você|no fim"),
        list!("Irmãos|Vizinhos|Viajantes|Marujos|Canários|Meninos|Boêmios|Navegantes|Primos|Passarinhos"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|02 02 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34 & 012 34|MC 012|DJ 012|012 & 012 34|Os 9 de 34|34 e os 9|5 6 e 5|012 e 02 34|012|Grupo 34 5"),
    titles: list!("5 6|5 6|5 6|5|7 8|7 8|7 8|7|Sem 5|5 e 5|Cadê você?|Quem é você, 02?|Onde você está, 02?|5 #|5 (Parte #)|Entre 5 e 5|Verão de @|02|7, 02"),
    endings: list!(" - Ao Vivo| (Ao Vivo)| (Ao Vivo)| (Acústico)| - Remix| (feat. *)| (part. *)| - Remasterizado @| (Interlúdio)| - Versão Acústica"),
};

static FRENCH: Language = Language {
    lists: [
        list!("A|Cami|Cé|Cla|Da|Do|É|El|Fa|Flo|Ga|Ge|Hé|I|Ja|Jo|Ju|La|Lé|Lou|Lu|Ma|Mé|Na|No|O|Ro|Sa|Sé|So|Ta|Thé|Va|Vi|Y"),
        list!("|||da|do|la|le|li|mi|na|ri|ro|so|vi"),
        list!("belle|lène|ne|nne|line|lle|mie|ric|rie|rin|than|tin|tte|vier|xime|ndre|nce|sse|bert|ra|phie|liane"),
        list!("Beau|Bel|Ber|Bois|Bon|Bou|Bri|Cha|Che|Clair|Cour|Dela|Des|Du|Fon|Four|Gail|Gau|Gir|Gran|Jou|La|Lam|Lau|Le|Mar|Mau|Mer|Mon|Mou|Per|Pré|Ro|Rous|Saint-|Sau|Ta|Ver|Vil"),
        list!("bert|chard|court|det|din|fort|gnier|gny|lier|lin|main|mont|nard|neau|pin|quet|rand|reau|rière|ron|rot|seau|sier|tier|val|vert|ville"),
        list!("Lumière|Nuit|Rivière|Pluie|Fenêtre|Mémoire|Saison|Chanson|Étoile|Plage|Rue|Lettre|Ville|Ombre|Marée|Valse|Gare|Tempête|Neige|Cendre|Fête|Route|Aurore|Promesse|Danse|Forêt|Poussière|Île"),
        list!("de papier|sans nom|du sud|sous la pluie|de minuit|en été|sans toi|à deux|en feu|du matin|d'hiver|de verre|pour personne|d'hier|au port|de Paris|qui s'en va"),
        list!("Ne dis rien|Reste|Danse avec moi|Je t'attends|Dis-moi|Reviens|On s'en va|J'ai oublié|Chante|Emmène-moi|Oublie|On verra|Je rêve"),
        list!("encore|ce soir|sans peur|jusqu'au matin|demain|doucement|en silence|loin d'ici|comme avant|vraiment|avec toi"),
        list!("Voisins|Voyageurs|Marins|Oiseaux|Funambules|Cousins|Jardiniers|Noctambules|Pirates|Papillons"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012-02 34|012|012 et les 9 6|Les 9 de 34|DJ 012|34 & 34|5 34|012 et les 9|012 & 012"),
    titles: list!("5 6|5 6|5 6|5|7 8|7 8|7|Une 5 6|5 et 5|Où es-tu ?|Qui es-tu, 02 ?|Pourquoi pas, 02 ?|5 #|5, pt. #|Été @|5 ou 5|02|À 02"),
    endings: list!(" (Live)| - Live| - Version acoustique| (Acoustique)| - Remix| (feat. *)| (avec *)| - Remasterisé en @| (Interlude)| - Version longue"),
};

static ITALIAN: Language = Language {
    lists: [
        list!("A|Ale|Ange|Be|Cami|Clau|Da|Do|E|Eli|Fa|Fede|Fla|Ga|Gi|Giu|I|Ila|La|Leo|Lo|Lu|Ma|Mari|Mi|Nico|O|Ra|Ri|Rosa|Sa|Ser|Si|Sil|Ste|Va|Vi"),
        list!("|||be|da|le|li|mi|na|ni|ra|ri|vi"),
        list!("lla|na|ne|ndo|nzo|ra|ro|sa|tto|sio|lia|no|rdo|nella|nio|do|renza|via|vio|ssandro"),
        list!("Al|Bal|Bar|Bel|Ber|Bian|Bon|Car|Cas|Cer|Col|Con|Cor|Dan|Del|Don|Fab|Fal|Fer|Fon|Gal|Gar|Ghir|Gran|Lom|Mar|Mon|Mor|Nap|Or|Pal|Per|Pel|Ran|Ros|Sal|San|Ser|Tor|Val|Ven|Vis"),
        list!("andi|ani|anti|aro|atelli|atti|elli|eri|esi|etti|iero|ighi|ini|izzi|oldi|olini|one|oni|otti|ucci|ugini|uzzi|ieri|astri"),
        list!("Notte|Luna|Strada|Pioggia|Finestra|Estate|Lettera|Città|Ombra|Neve|Stella|Canzone|Spiaggia|Festa|Valigia|Domenica|Stazione|Promessa|Danza|Marea|Favola|Luce|Collina|Fotografia"),
        list!("di carta|senza nome|del sud|sotto la pioggia|di mezzanotte|d'estate|senza te|per due|in fiamme|del mattino|di vetro|di ieri|in riva al mare|che non torna|di provincia"),
        list!("Non parlare|Resta|Balla con me|Ti aspetto|Dimmi|Torna|Andiamo via|Ho dimenticato|Canta|Portami|Lasciami|Ci vediamo|Sognavo"),
        list!("ancora|stasera|senza paura|fino all'alba|domani|piano|in silenzio|lontano|come prima|davvero|con te"),
        list!("Vicini|Viaggiatori|Marinai|Cugini|Giardinieri|Pirati|Aquiloni|Lampioni|Gatti|Sognatori"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|I 9 di 34|012 e i 9|DJ 012|34 & 34|012|5 di 34"),
    titles: list!("5 6|5 6|5 6|5|7 8|7 8|7|La tua 5|5 e 5|Dove sei?|Chi sei, 02?|Che cosa resta, 02?|5 #|5, pt. #|Estate @|02|Ciao 02|La mia 5"),
    endings: list!(" (Live)| - Dal Vivo| - Acustica| - Remix| (feat. *)| (con *)| - Remastered @| (Interludio)| - Versione strumentale"),
};

static ROMANIAN: Language = Language {
    lists: [
        list!("Ade|Ale|Ana|Be|Cri|Da|De|Do|Eli|Flo|Ga|Geo|Gri|Ile|Io|La|Li|Lu|Ma|Mi|Mihă|Na|Ni|Ra|Si|Ste|Ta|The|Tu|Va|Vi|Vio|Zo"),
        list!("|||da|le|li|mi|ni|ra|ri"),
        list!("bela|dora|dru|lia|lin|liu|na|nca|nel|nuț|ra|rel|rian|rica|rina|sia|șa|tin|vid|ana"),
        list!("Băl|Bog|Brăt|Căl|Con|Cos|Dia|Drăg|Flor|Gheor|Grig|Hor|Ion|Lup|Man|Mold|Munt|Mureș|Negr|Olt|Petr|Rad|Sav|Stan|Stoi|Șerb|Tom|Tud|Urs|Vas|Vlad|Voic|Zam"),
        list!("escu|eanu|ăneanu|ache|aru|an|iță|oiu|ulescu|ovici|inescu"),
        list!("Noapte|Lună|Ploaie|Fereastră|Vară|Scrisoare|Umbră|Stea|Iarnă|Gară|Poveste|Inimă|Mare|Zăpadă|Amintire|Țărm|Dimineață"),
        list!("de hârtie|fără nume|din sud|în ploaie|de vară|fără tine|de la mare|în flăcări|de ieri|pentru doi|din oraș"),
        list!("Nu-mi spune|Rămâi|Dansează|Te aștept|Spune-mi|Întoarce-te|Am uitat|Cântă|Lasă|Hai acasă"),
        list!("din nou|în noaptea asta|fără teamă|până dimineață|mâine|încet|departe|ca înainte|cu mine"),
        list!("Vecinii|Călătorii|Marinarii|Verii|Grădinarii|Lăutarii"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|9 lui 34|012 și 9|DJ 012|012"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 și 5|Unde ești?|Cine ești tu, 02?|5 #|Vara @|02"),
    endings: list!(" (Live)| - Remix| (Acustic)| (feat. *)| (cu *)| - Versiune nouă"),
};

static GERMAN: Language = Language {
    lists: [
        list!("Al|An|Bern|Bir|Burk|Diet|Ed|El|Ger|Gun|Han|Har|Hed|Hel|Hil|In|Jan|Jör|Jür|Kal|Kon|Kor|Len|Lo|Lud|Mar|Mat|Mei|Nor|Os|Ral|Rei|Ro|Rüd|Sil|Sön|Tan|Til|Ul|Ur|Vol|Wal|Wen|Wer|Wil|Win"),
        list!("|||e|i|a"),
        list!("bert|brand|da|de|fried|gard|hard|helm|ka|ke|le|linde|mar|mund|na|ner|rich|run|sa|ta|traud|wald|win|wig"),
        list!("Acker|Bach|Birken|Brand|Buchen|Dorn|Eichen|Eisen|Falken|Fichten|Finken|Hagen|Hirsch|Hohen|Kalten|Kirch|Klingen|Kron|Linden|Lerchen|Mühl|Neu|Ober|Rosen|Rot|Sand|Schön|Silber|Sonnen|Stern|Tannen|Unter|Vogel|Weiden|Winter|Ziegel"),
        list!("bauer|baum|beck|berg|berger|brecht|brück|burg|dorf|feld|fels|garten|hain|hardt|haus|hof|hofer|horst|mann|meier|müller|reuter|sang|stein|tal|thaler|weg|weiler|wirt"),
        list!("Nächte|Lichter|Regen|Sommer|Fenster|Straßen|Schatten|Herbst|Brücken|Sterne|Zuhause|Träume|Bahnhof|Winter|Spiegel|Wellen|Heimweh|Gewitter|Koffer|Sonntag|Hafen|Feuer|Schnee|Tauben"),
        list!("aus Papier|ohne Namen|im Süden|im Regen|um Mitternacht|ohne dich|zu zweit|in Flammen|am Morgen|aus Glas|von gestern|am Fluss|über der Stadt|für niemanden|in Blau"),
        list!("Sag nichts|Bleib|Tanz mit mir|Ich warte|Sag mir|Komm zurück|Wir fahren|Ich hab's vergessen|Sing|Nimm mich mit|Wir sehen uns|Lass los"),
        list!("noch einmal|heute Nacht|ohne Angst|bis morgen|im Regen|ganz leise|weit weg|wie früher|mit mir|am Ende|jetzt"),
        list!("Nachbarn|Matrosen|Gärtner|Vagabunden|Kometen|Laternen|Seiltänzer|Möwen|Kapelle|Kollektiv|Orchester"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|Die 34 9|34 & 34|DJ 012|5 & 34|012|012 und die 9|Kapelle 34 5"),
    titles: list!("5 6|5 6|5 6|5|7 8|7 8|7|5 und 5|Wo bist du?|Wer bist du, 02?|Was bleibt, 02?|5 #|5, Teil #|Sommer @|Nie wieder 5|02|Für 02|Ohne 5"),
    endings: list!(" (Live)| - Live| - Akustik Version| (Akustik)| - Remix| (feat. *)| (mit *)| - Remastered @| (Zwischenspiel)"),
};

static DUTCH: Language = Language {
    lists: [
        list!("An|Bas|Be|Bram|Daan|De|El|Em|Fem|Flo|Ger|Hen|Il|Ja|Jo|Ju|Kat|Lau|Lee|Li|Lot|Maar|Ma|Mi|Nien|Noor|Pie|Roe|Ro|San|Ste|Tij|Ti|Wil|Wou"),
        list!("|||e|i"),
        list!("da|de|dert|ke|ken|la|lie|line|man|mijn|na|ne|nard|neke|rik|rijn|sa|tje|ter|tine|vin|wijn"),
        list!("van de |van der |van den |de |||||"),
        list!("Akkerhof|Bergsma|Boomgaard|Brinkhuis|Dijkland|Duinkamp|Eikelaar|Grootveld|Haverkort|Heuvelink|Hoekman|Kerkdijk|Kloosterman|Koppelaar|Lindeboom|Meerman|Molenkamp|Nieuwhof|Noordhuis|Oosterveld|Polderman|Rietveen|Schuurhof|Sluiswijk|Stroomberg|Veenhuis|Veldhoek|Waterman|Westerkamp|Zandstroom|Zomerdijk"),
        list!("Nachten|Lichten|Regen|Zomer|Raam|Straten|Schaduw|Herfst|Bruggen|Sterren|Thuis|Dromen|Station|Winter|Spiegel|Golven|Heimwee|Onweer|Koffer|Zondag|Haven|Vuur"),
        list!("van papier|zonder naam|in het zuiden|in de regen|om middernacht|zonder jou|met z'n twee|in brand|van glas|van gisteren|aan het water|boven de stad"),
        list!("Zeg niets|Blijf|Dans met mij|Ik wacht|Vertel me|Kom terug|We rijden|Ik ben vergeten|Zing|Neem me mee|Laat los"),
        list!("opnieuw|vannacht|zonder angst|tot morgen|straks|heel zacht|ver weg|zoals vroeger|met mij|nu"),
        list!("Buren|Matrozen|Tuinders|Kometen|Lantaarns|Meeuwen|Fietsers|Kapel"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|De 9 van 02|DJ 012|012 & 012|012 en de 9|012"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 en 5|Waar ben je?|Wie ben jij, 02?|5 #|5, deel #|Zomer @|Nooit meer 5|02"),
    endings: list!(" (Live)| - Live| - Akoestisch| - Remix| (feat. *)| (met *)| - Remastered @"),
};

/// Swedish, Norwegian and Danish: told apart by few of their names.
static NORDIC: Language = Language {
    lists: [
        list!("As|Ås|Bir|Björ|Dag|Ei|El|Em|Es|Frid|Gu|Hå|Hal|Hed|Hil|Id|In|Jo|Ka|Kar|Lin|Lo|Mar|Mi|Nil|Nor|Od|Ol|Os|Ran|Rei|Sig|Sol|Sti|Sun|Sva|Sö|Tor|Tuv|Ul|Ve|Vil|Øy|Åg"),
        list!("|||a|e|i"),
        list!("da|dis|fred|ja|ka|la|le|lin|mar|mund|na|nar|ne|nes|nia|ra|rik|run|sa|stein|ta|ten|va|vald|var|veig|vin"),
        list!("Alm|Berg|Björk|Brand|Dahl|Ek|Eng|Fjell|Fors|Gran|Hag|Hav|Hed|Lind|Ljung|Löv|Malm|Norr|Ny|Rosen|Sand|Skog|Sol|Strand|Söder|Tall|Väst|Åker|Öst|Øster|Kjær|Nør"),
        list!("berg|blad|borg|bäck|dal|fors|gren|gård|holm|kvist|land|lund|man|mark|mo|nes|quist|sen|sjö|ström|strøm|sted|vall|vik|ås"),
        list!("Natten|Ljuset|Regnet|Sommaren|Fönstret|Skuggan|Hösten|Bron|Stjärnan|Drömmen|Vintern|Spegeln|Havet|Elden|Snön|Skogen|Natta|Lyset|Sommeren|Drømmen|Vinteren|Havnen|Øya"),
        list!("i regn|i juli|i norr|i september|i glass|på landet|ved havet|som brinner|som forsvann|hjemme|i morgon|för två"),
        list!("Säg ingenting|Stanna|Dansa med mig|Jag väntar|Kom tillbaka|Vi åker|Sjung|Ta mig hem|Si noe|Bli her|Dans med meg|Jeg venter"),
        list!("igen|i natt|utan dig|i morgen|i sommar|sakte|som förr|nu"),
        list!("Naboerne|Grannarna|Måsarna|Sjöfolket|Lyktene|Ungdomslaget|Orkester|Kvartett"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|34 & 34|DJ 012|34s 9|012 og 9|012"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 og 5|5 och 5|Var är du?|Hvor er du, 02?|5 #|5, del #|Sommar @|02"),
    endings: list!(" (Live)| - Live| - Akustisk| - Remix| (feat. *)| (med *)| - Remastered @"),
};

static FINNISH: Language = Language {
    lists: [
        list!("Aa|Ai|Ei|Ee|He|Il|Ju|Ka|Lau|Lee|Li|Mar|Mi|Nii|Noo|Oi|On|Os|Päi|Rai|Ree|Sai|Sei|Sii|Tai|Tuo|Tu|Ul|Vei|Väi"),
        list!("|||la|li|ni"),
        list!("ja|kko|la|lo|mo|na|ni|no|nu|ra|ri|ro|sto|ta|va|vi|mi|lia"),
        list!("Hei|Hon|Jär|Kal|Kan|Kar|Ket|Kor|Kos|Laa|Leh|Lin|Män|Nie|Nur|Pel|Rau|Saa|Sal|Sep|Suo|Tam|Vaa|Vir|Haa|Koi|Met"),
        list!("vinen|konen|lanen|mäki|nala|niemi|nen|ranta|rinen|sola|tala|vaara|vuori|tola|järvi|kangas"),
        list!("Yö|Valo|Sade|Kesä|Ikkuna|Varjo|Syksy|Silta|Tähti|Uni|Asema|Talvi|Peili|Meri|Ukkonen|Satama|Tuli|Lumi|Metsä|Koti"),
        list!("Hiljainen|Viimeinen|Sininen|Kaukainen|Pieni|Yksinäinen|Kultainen|Kylmä|Punainen|Uusi"),
        list!("Älä kerro|Jää tähän|Tanssi|Odotan sua|Palaa|Mennään|Laula|Unohdin|Vie mut"),
        list!("taas|tänä yönä|aamuun asti|huomenna|hiljaa|kotiin|niin kuin ennen|kesällä|nyt"),
        list!("Naapurit|Merimiehet|Lokit|Lyhdyt|Serkut|Orkesteri"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|34n 9|DJ 012|02 ja 9|012"),
    titles: list!("6 5|6 5|5|7 8|7 8|7|5 ja 5|Missä olet?|Kuka sinä olet, 02?|5 #|5, osa #|Kesä @|02"),
    endings: list!(" (Live)| - Livenä| - Akustinen| - Remix| (feat. *)| - Remastered @"),
};

static POLISH: Language = Language {
    lists: [
        list!("Ba|Be|Bo|Da|Do|E|Ga|Ha|He|I|Ja|Jo|Ka|Kry|La|Le|Li|Lu|Ma|Mi|Mo|Na|Ni|O|Ra|Re|Ro|Sta|Sy|Ta|Te|To|U|Wa|We|Wi|Zu|Zo"),
        list!("|||bi|le|li|mi|na|ro|sła|ry|wi|ni"),
        list!("cja|cek|dek|la|lena|lia|ław|mir|na|nka|rek|rta|sia|sław|szek|tek|weł|wia|żena"),
        list!("Bar|Bor|Brzo|Cie|Cza|Dą|Dobro|Dra|Gó|Gra|Ja|Jabło|Jasi|Kali|Ko|Kra|Kwia|Lipo|Łu|Mali|Miel|No|Or|Pio|Ro|Sado|Sie|Sko|So|Stru|Szy|To|Wa|Wiś|Wo|Zawa|Zie|Żu"),
        list!("becki|czak|czyk|dowski|dzki|kowska|licki|lińska|lski|niak|niewicz|nowska|rczyk|rski|skowski|szewska|towicz|wicka|wiński"),
        list!("Noc|Światło|Deszcz|Lato|Okno|List|Cień|Jesień|Most|Gwiazda|Dom|Sen|Dworzec|Zima|Lustro|Morze|Burza|Niedziela|Port|Ogień|Śnieg|Las|Piosenka"),
        list!("z papieru|bez imienia|na południu|w deszczu|o północy|bez ciebie|dla dwojga|w ogniu|o świcie|ze szkła|nad rzeką|nad miastem|dla nikogo"),
        list!("Nic nie mów|Zostań|Zatańcz ze mną|Czekam|Powiedz mi|Wróć|Jedziemy|Zapomniałam|Śpiewaj|Zabierz mnie|Śnię"),
        list!("jeszcze raz|tej nocy|bez strachu|do rana|jutro|po cichu|daleko stąd|jak dawniej|na końcu"),
        list!("Sąsiedzi|Marynarze|Ogrodnicy|Latarnicy|Kuzyni|Wędrowcy|Kapela|Orkiestra"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|DJ 012|012 i 9|012|9 34"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 i 5|Gdzie jesteś?|Kim jesteś, 02?|5 #|5, cz. #|Lato @|02"),
    endings: list!(" (Live)| - Na żywo| - Akustycznie| - Remix| (feat. *)| - Remastered @| (Instrumental)"),
};

static CZECH: Language = Language {
    lists: [
        list!("Ba|Bo|Da|Dra|E|Ha|I|Ja|Ji|Jo|Ka|La|Le|Li|Lu|Ma|Mi|Mo|Na|Pe|Ra|Re|Ro|Ru|Sta|Sva|Ta|Te|To|Va|Ve|Vi|Vo|Zde|Zu|Ži|Ště"),
        list!("|||bo|di|la|le|mi|ro|ni|vi"),
        list!("dan|dka|jka|la|luš|mil|mír|nka|na|nek|rek|ryk|slav|sta|tka|ška|ňa|rka"),
        list!("Be|Bí|Bla|Če|Do|Ha|Hra|Hru|Kola|Kou|Kra|Kře|Ma|Ne|No|Pro|Ru|Sed|Sko|Sla|Sme|Sou|Sto|Sva|Šeb|Tů|Vlče|Vo|Vra|Ze"),
        list!("bek|ček|chal|kup|lák|lík|mek|nek|novský|ňák|rák|řík|šek|šta|tek|vák|vický|zek|žel"),
        list!("Noc|Světlo|Déšť|Léto|Okno|Dopis|Stín|Podzim|Most|Hvězda|Domov|Sen|Nádraží|Zima|Zrcadlo|Moře|Bouřka|Neděle|Oheň|Sníh|Les"),
        list!("z papíru|beze jména|na jihu|v dešti|o půlnoci|bez tebe|pro dva|v ohni|ráno|ze skla|u řeky|nad městem"),
        list!("Nic neříkej|Zůstaň|Tancuj se mnou|Čekám|Řekni mi|Vrať se|Jedeme|Zpívej|Vezmi mě|Zapomněl jsem"),
        list!("ještě jednou|dnes večer|beze strachu|do rána|zítra|potichu|daleko|jako dřív|domů"),
        list!("Sousedé|Námořníci|Zahradníci|Bratranci|Tuláci|Kapela|Orchestr"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|34 a 9|DJ 012|012 a 9|012"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 a 5|Kde jsi?|Kdo jsi, 02?|5 #|Léto @|02"),
    endings: list!(" (Live)| - Živě| - Akusticky| - Remix| (feat. *)| - Remastered @"),
};

static UKRAINIAN: Language = Language {
    lists: [
        list!("Бо|Ва|Ві|Га|Да|Де|До|Зо|Іва|Ка|Ла|Ле|Лі|Лю|Ма|Ми|Мо|На|Ні|Ок|Ра|Ро|Ру|Са|Со|Та|Те|Ти|У|Фе|Хри|Яро|Юлі|Злато"),
        list!("|||ли|ми|ро|ри|ві|на|де"),
        list!("дан|ля|мир|на|ня|нка|рія|рина|рко|сик|слав|ся|та|тко|тяна|фія|ша|вка"),
        list!("Бон|Верб|Воло|Гав|Гай|Гон|Гри|Дем|Дов|Дро|Жур|Зін|Ів|Калин|Кар|Ковал|Коз|Кос|Крав|Лев|Лис|Лит|Мак|Мар|Мель|Мир|Олій|Остап|Пав|Рад|Сав|Соко|Степ|Тар|Ткач|Чай|Шев|Яр"),
        list!("енко|чук|ишин|ський|івський|ко|ак|ик|ів|яник|ченко|инський|ович|елюк"),
        list!("Ніч|Світло|Дощ|Літо|Вікно|Лист|Тінь|Осінь|Міст|Зоря|Дім|Сон|Вокзал|Зима|Дзеркало|Море|Гроза|Неділя|Вогонь|Сніг|Ліс|Пісня|Ранок|Степ"),
        list!("з паперу|без імені|на півдні|під дощем|опівночі|без тебе|на двох|у вогні|на світанку|зі скла|над рікою|над містом|мого дитинства"),
        list!("Не кажи|Залишся|Танцюй зі мною|Я чекаю|Скажи мені|Повернись|Їдемо|Співай|Забери мене|Я забув|Мені сниться"),
        list!("ще раз|цієї ночі|без страху|до ранку|завтра|тихо|далеко звідси|як колись|додому"),
        list!("Сусіди|Моряки|Садівники|Мандрівники|Брати|Ліхтарі|Оркестр|Гурт"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|9 34|012 і 9|DJ 012|012"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 і 5|Де ти?|Хто ти, 02?|Чому ні, 02?|5 #|5, ч. #|Літо @|02"),
    endings: list!(" (Live)| - Наживо| (Акустика)| - Remix| (feat. *)| (Ремікс)"),
};

static UKRAINIAN_LATIN: Language = Language {
    lists: [
        list!("Bo|Da|De|Ka|La|Le|Ma|My|Na|Ni|Ro|Sa|So|Ta|Te|Zla|Iva|Vi|Yaro|Yuli|Ok|Sofi"),
        list!("|||ly|my|ro|ry|vi|na"),
        list!("dan|lia|myr|na|nia|nka|riia|ryna|rko|syk|slav|ta|tko|sha|vka"),
        list!("Bon|Verb|Hav|Hai|Hry|Dem|Dov|Dro|Zhur|Kalyn|Kar|Koval|Koz|Krav|Lev|Lys|Mak|Mar|Mel|Myr|Pav|Rad|Sav|Soko|Step|Tar|Tkach|Chai|Yar"),
        list!("enko|chuk|yshyn|skyi|ivskyi|ko|yk|iv|chenko|ovych"),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!("Band|Project|Orchestra"),
    ],
    artists: list!("012 34|012 34|012 34|34 9|DJ 012|012"),
    titles: &[],
    endings: list!(" (Live)"),
};

static GREEK: Language = Language {
    lists: [
        list!("Αλε|Ανα|Βα|Βασι|Γε|Γιω|Δη|Ελε|Ευ|Ζα|Ηλι|Θε|Θεο|Ια|Κα|Κλε|Λε|Λυ|Μα|Με|Μι|Μυ|Να|Νι|Νικο|Ξε|Ρα|Σο|Στα|Στε|Τα|Φα|Φι|Φω|Χα|Χρυ"),
        list!("|||νι|ρι|λα|σι"),
        list!("λία|νία|μία|ρίνα|τίνα|λίνα|νός|λής|τής|ρής|δώρα|κλής|μάς|ντίνα|ράντης|λίδα|σάνθη|φίλη"),
        list!("Αγγελ|Αντων|Βασιλ|Γεωργ|Δημητρ|Ηλι|Θεοδωρ|Καλ|Καρ|Λαμπ|Λιβ|Μακρ|Μαυρ|Μελ|Μιχ|Νικολ|Παλ|Παπ|Πετρ|Ροδ|Σαμ|Σπυρ|Σταυρ|Τζαν|Τριαντ|Φωτ|Χαρ|Χρυσ"),
        list!("όπουλος|οπούλου|άκης|ίδης|άτος|έας|ούδης|ανός|ιάδης|άκη|ίδου|έλης|ώνης|αράς"),
        list!("Νύχτα|Φως|Βροχή|Καλοκαίρι|Παράθυρο|Γράμμα|Σκιά|Φθινόπωρο|Γέφυρα|Αστέρι|Όνειρο|Χειμώνας|Καθρέφτης|Θάλασσα|Κυριακή|Λιμάνι|Φωτιά|Χιόνι|Τραγούδι|Δρόμος|Φεγγάρι"),
        list!("από χαρτί|χωρίς όνομα|του νότου|στη βροχή|τα μεσάνυχτα|χωρίς εσένα|για δύο|στις φλόγες|το πρωί|από γυαλί|δίπλα στη θάλασσα|πάνω από την πόλη"),
        list!("Μη μιλάς|Μείνε|Χόρεψε|Σε περιμένω|Πες μου|Γύρνα|Φεύγουμε|Ξέχασα|Τραγούδα|Πάρε με"),
        list!("ξανά|απόψε|χωρίς φόβο|ως το πρωί|αύριο|σιγά σιγά|μακριά|όπως παλιά|μαζί σου"),
        list!("Γείτονες|Ναύτες|Ταξιδιώτες|Γλάροι|Φάροι|Ξάδερφοι"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|Οι 9 του 5|Οι 9 34|DJ 02|02 & 02 34"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 και 5|Πού είσαι;|Ποιος είσαι, 02;|5 #|5, Μέρος #|Καλοκαίρι @|02"),
    endings: list!(" (Live)| - Ζωντανά| (Ακουστικό)| - Remix| (feat. *)"),
};

static GREEK_LATIN: Language = Language {
    lists: [
        list!("Ale|Ana|Vasi|Gio|Di|Ele|Eva|Za|Ili|Theo|Ka|Kle|Le|Ma|Mi|My|Nefe|Niko|Xe|Ra|Sta|Ste|Fa|Fi|Cha|Chry"),
        list!("|||ni|ri|la|si"),
        list!("lia|nia|rina|tina|nos|lis|tis|ris|dora|klis|ras|lida|santhi"),
        list!("Angel|Anton|Georg|Dimitr|Theodor|Kal|Kar|Lamp|Liv|Makr|Mavr|Mel|Nikol|Pal|Petr|Rod|Sam|Spyr|Stavr|Triant|Fot|Char|Chrys"),
        list!("opoulos|opoulou|akis|idis|atos|eas|anos|iadis|aki|idou|onis"),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
    ],
    artists: list!("012 34|012 34|DJ 012|012"),
    titles: &[],
    endings: list!(" (Live)"),
};

static TURKISH: Language = Language {
    lists: [
        list!("Ad|Al|Ar|As|Ay|Bar|Ber|Bu|Can|Ce|Da|De|Do|El|Em|Er|Es|Fe|Gök|Gül|Ha|İl|İn|Ka|Ke|Kor|Le|Mer|Na|Ne|Nu|Or|Öz|Sel|Se|Şe|Ta|Tu|Ül|Yıl|Yu|Ze"),
        list!("||"),
        list!("can|dan|den|gül|han|kan|lay|lin|ma|mer|nay|nur|ra|rin|sel|su|tan|tekin|tuğ|vin|zan|ya|met|rem|mine"),
        list!("Ak|Al|Alt|Ar|As|Av|Ay|Bal|Baş|Bay|Bil|Boz|Can|Çak|Çel|Çet|Dağ|Dem|Den|Er|Gök|Gül|Gün|Kap|Kar|Kay|Kor|Öz|Pol|Sar|Soy|Şah|Şen|Taş|Tek|Top|Tun|Uğ|Yal|Yıl|Yur"),
        list!("soy|oğlu|can|er|gün|kan|man|taş|tepe|han|baş|kaya|demir|dağ|öz|sel|maz|bay|su|el"),
        list!("gece|ışık|yağmur|yaz|pencere|mektup|gölge|sonbahar|köprü|yıldız|rüya|kış|ayna|deniz|pazar|liman|ateş|kar|şarkı|yol|sabah|bahçe"),
        list!("Sessiz|Son|Mavi|Uzak|Küçük|Yalnız|Adsız|Bizim|Kayıp|Beyaz|Yarım|Uykusuz|Eski|Bitmeyen"),
        list!("Söyleme|Kal|Dans et|Bekliyorum|Söyle bana|Geri dön|Gidiyoruz|Unuttum|Unutma beni|Götür beni|Rüyamda"),
        list!("bu gece|yeniden|sabaha kadar|yarın|yavaşça|uzaklara|eskisi gibi|sensiz|benimle"),
        list!("Komşular|Denizciler|Bahçıvanlar|Yolcular|Kuzenler|Fenerler|Topluluğu|Orkestrası"),
    ],
    artists: list!("02 34|02 34|02 34|02 34|02 02 34|02 34|02 34|34 9|DJ 02 34|02 ve 02 34|02"),
    titles: list!("6 5|6 5|6 5|7 8|7 8|7|6 bir 5|Neredesin?|Sen kimsin, 02?|Neden olmasın, 02?|6 5 #|Yaz @|02|Ah 02"),
    endings: list!(" (Canlı)| - Akustik| - Remix| (feat. *)| (Enstrümantal)| - Radyo Versiyonu"),
};

static ARABIC: Language = Language {
    lists: [
        list!("سا|نا|را|ها|وا|فا|ما|يا|طا|شا|حا"),
        list!("نور|ليان|ريم|سلمى|هدى|لمى|دانة|رنا|جود|سديم|غيث|أوس|تيم|زين|بيان|ليلى|كنان|يزن|أسيل|رؤى|مها|وسيم|جميل|نبيل|كريم|سعاد"),
        list!("لم|مر|ني|مي|ئد|جد|دل|لد|رس|تم|صر|زن|دية"),
        list!("حن|خط|عط|نج|صب|سع|غر|شر|بد|زه|هل|عن|مر|ري|رف|كر|جم|نص|حر|سم|شه|عم|فر|بس|لط"),
        list!("دي|يب|ار|ام|اني|يري|وي|راني|اوي|يني|ودي|الي|ازي|يدي|ايرة|لان"),
        list!("ليل|نور|مطر|صيف|نافذة|رسالة|ظل|خريف|جسر|نجمة|حلم|شتاء|مرآة|بحر|ميناء|نار|ثلج|أغنية|طريق|صباح|قلب|قمر|ورد|غيم"),
        list!("من ورق|بلا اسم|من الجنوب|تحت المطر|في منتصف الليل|بدونك|من زجاج|على البحر|فوق المدينة|لا يعود|من بعيد|في الذاكرة"),
        list!("لا تقل|ابق|ارقص معي|أنتظرك|قل لي|ارجع|نسيت|غنّ|خذني|يا حبيبي|تعال|وينك"),
        list!("مرة أخرى|الليلة|بلا خوف|حتى الصباح|غدا|بهدوء|بعيدا|كما كان|معي"),
        list!("فرقة|أصدقاء|إخوة|جيران|عازفو"),
    ],
    artists: list!("02 ال34|02 ال34|1 ال34|1 ال34|1 1 ال34|02 1 ال34|9 1 ال34|دي جي 1 34"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 و5|أين أنت؟|من أنت؟|لماذا لا؟|5 #|صيف @|يا 5|يا 1"),
    endings: list!(" (مباشر)| - حفلة| (ريمكس)| - Remix| (مع *)| (موسيقى)"),
};

static ARABIC_LATIN: Language = Language {
    lists: [
        list!("Sa|Na|Ra|Ha|Fa|Ma|Ya|Sha|La|Za|Wa|Ka|Ja|Di|No|Li"),
        list!("|||mi|li|ri"),
        list!("lem|mer|der|ni|mi|jed|lil|sir|yan|lia|mira|dine|reem|ssan|noon"),
        list!("Hal|Khat|At|Naj|Sab|Ghar|Zah|Mar|Raf|Kar|Jam|Nas|Sam|Saf|Tam|Qas|Bad|Shar|Farr"),
        list!("abi|ani|awi|di|ili|ouri|ami|eem|sani|idi|aoui"),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!("Band|Trio|Project|Ensemble"),
    ],
    artists: list!("012 Al 34|012 34|012 34|012 Al 34|012 34|DJ 012|012 34 9|012"),
    titles: &[],
    endings: list!(" (Live)"),
};

static HEBREW: Language = Language {
    lists: [
        list!("אב|אד|אור|אל|בר|גל|דנ|הד|טל|יע|יר|לי|מר|נו|נע|עד|עמ|ענ|רו|רי|שי|שר|תמ"),
        list!("|"),
        list!("אל|ית|ור|ון|יאל|נה|יה|ם|לי|רי|מה"),
        list!("אלמ|גול|דגנ|הדר|זמיר|חרמ|כרמ|לבנ|מזר|עמר|פלג|צור|קדמ|רביב|שחר|תבור|אשכ|ברוש"),
        list!("וני|ון|ני|אלי|י|ן"),
        list!("לילה|אור|גשם|קיץ|חלון|מכתב|צל|סתיו|גשר|כוכב|חלום|חורף|ראי|ים|שבת|נמל|אש|שלג|שיר|דרך|בוקר"),
        list!("מנייר|בלי שם|מהדרום|בגשם|בחצות|בלעדייך|לשניים|מזכוכית|על הים|מעל העיר|של אתמול"),
        list!("אל תגיד|תישאר|בוא נרקוד|אני מחכה|תגיד לי|תחזור|שכחתי|תשיר|קח אותי"),
        list!("שוב|הלילה|בלי פחד|עד הבוקר|מחר|לאט|רחוק מכאן|כמו פעם|איתי"),
        list!("השכנים|המלחים|הגננים|הנודדים"),
    ],
    artists: list!("02 34|02 34|02 34|02 ו9|9 34"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 ו5|איפה את?|מי אתה?|5 #|קיץ @|02"),
    endings: list!(" (הופעה חיה)| - אקוסטי| - רמיקס| (עם *)"),
};

static HINDI: Language = Language {
    lists: [
        list!("अ|आ|अन|अर|ई|कावे|कि|चा|जा|जि|त|ता|द|दी|दि|न|नि|नी|प|पा|प्र|माध|मी|मो|य|र|रा|रि|रो|ल|वि|वै|श|शा|शि|सु|सो"),
        list!("|||नि|रा|वि|मि"),
        list!("जय|न|नंद|नी|मन|मीत|या|राज|री|ल|ला|वी|वीर|श|शा|शी|ता|देव|हन|ष्मा"),
        list!("अग्र|कश|खन|गुप्|जो|ठाकु|ति|देव|दीक्|नाय|पांडे|पाटि|बिष्|भट|मल|मि|मेह|रा|शर्|सक्से|सिन|हे"),
        list!("वाल|यप|ना|ता|शी|र|वारी|क|ल|ट|नागर|होत्रा|श्रा|रा|मा|हा|गड़े"),
        list!("रात|रोशनी|बारिश|खिड़की|चिट्ठी|परछाई|सितारा|सपना|दर्पण|समंदर|आग|बर्फ|गीत|राह|सुबह|दिल|चाँद|बादल|शहर|पतंग|धूप"),
        list!("तेरी|मेरी|आखिरी|अधूरी|नीली|सूनी|वो|एक|दूर की|खोई हुई|पहली|अनजानी"),
        list!("मत कहो|रुक जा|मेरे साथ चल|इंतज़ार है|बता दे|लौट आ|भूल गया|गाओ|ले चल|आओ नाचें"),
        list!("फिर से|आज रात|सुबह तक|कल|धीरे धीरे|बहुत दूर|पहले जैसा|मेरे साथ"),
        list!("मंडली|टोली|परिवार|बंधु"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 और 012|012 34 9|डीजे 012"),
    titles: list!("6 5|6 5|6 5|5|7 8|7 8|7|5 और 5|कहाँ हो तुम?|कौन हो तुम, 02?|क्यों नहीं, 02?|5 #|5, भाग #|ओ 02"),
    endings: list!(" (लाइव)| (Live)| - Remix| - Lofi| (feat. *)| (Unplugged)| (Reprise)| (Male Version)| (Female Version)"),
};

static HINDI_LATIN: Language = Language {
    lists: [
        list!("A|Aa|An|Ar|Chi|De|Di|Ga|I|Ja|Ka|Ki|Ma|Mee|Mo|Na|Ni|Pa|Pra|Ra|Ri|Ro|Shai|Shre|Su|Ta|Tri|U|Va|Vi|Ya"),
        list!("|||ni|ra|vi|mi"),
        list!("jay|nand|ni|man|meet|ya|raj|ri|la|vi|veer|sha|shi|ta|dev|han|nav|yan|shika"),
        list!("Agni|Bha|Chan|Des|Dhi|Gup|Jo|Kap|Kash|Kul|Mal|Meh|Mish|Nar|Pan|Rao|Rath|San|Shar|Sid|Tri|Var|Ven"),
        list!("hotra|dey|kar|ma|nani|pathi|ra|shi|ta|tani|vedi|wal|yan|dhu"),
        list!("Raat|Roshni|Baarish|Khidki|Chitthi|Sitaara|Sapna|Samandar|Geet|Raah|Subah|Dil|Chaand|Baadal|Shehar|Dhoop"),
        list!("Teri|Meri|Aakhri|Adhoori|Neeli|Woh|Ek|Khoyi Hui|Pehli|Anjaani"),
        list!("Mat Kaho|Ruk Ja|Chal Mere Saath|Bata De|Laut Aa|Bhool Gaya|Gaao|Le Chal"),
        list!("Phir Se|Aaj Raat|Subah Tak|Dheere Dheere|Door Kahin|Pehle Jaisa"),
        list!("Collective|Project|Brothers|Sisters"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 34|012 & 012|012 9|DJ 012|012"),
    titles: list!("6 5|6 5|6 5|7 8|7 8|7|5 Aur 5|Kahaan Ho Tum?|Kaun Ho Tum, 02?|O 02|6 5 #"),
    endings: list!(" (Live)| - Remix| - Lofi| (feat. *)| (Unplugged)| (Reprise)| (Male Version)| (Female Version)"),
};

static TAMIL: Language = Language {
    lists: [
        list!("அ|அரு|இள|கதி|கவி|செந்|தமி|திரு|நில|மணி|மலர்|முகி|யா|வெற்|ஜெய"),
        list!("|"),
        list!("ன்|வன்|லன்|மதி|ழினி|ரசி|விழி|செல்வி|மாறன்|வேல்|ரன்|னி|மலை"),
        list!("அ.|இ.|க.|கு.|ச.|சு.|த.|ந.|ப.|பா.|ம.|மு.|ரா.|வ.|வே.|ஜெ."),
        list!(""),
        list!("மழை|நிலா|கடல்|கனவு|பாடல்|வானம்|மனம்|பூ|இரவு|காற்று|வெளிச்சம்|பாதை|நதி|காலை|கடிதம்"),
        list!("என்|உன்|ஒரு|நம்|முதல்|கடைசி|நீல|அந்த"),
        list!("வா வா|சொல்லு|மறந்தேன்|பாடு|ஆடு|நில்லு|போகாதே"),
        list!("மீண்டும்|இன்று|மெதுவாக|நாளை|என்னோடு"),
        list!("குழு|நண்பர்கள்"),
    ],
    artists: list!("3 02|02 02|3 02 02"),
    titles: list!("6 5|6 5|5|7 8|7|5 #|நீ எங்கே?|யார் நீ?"),
    endings: list!(" (Live)| - Remix| (feat. *)| (Reprise)"),
};

static BENGALI: Language = Language {
    lists: [
        list!("অ|অন|অর|ক|তা|দে|নী|প্র|পা|মৌ|মি|র|রা|শ|শা|শ্রে|সু|সো|সৌ|ঋ"),
        list!("|"),
        list!("ণব|নীল|নন্দা|মিতা|মল|রাজ|রূপ|জিৎ|দীপ|পর্ণা|বীর|মা|শ্রী|হিত|ন্তী"),
        list!("চক্র|চট্টো|মুখো|গঙ্গো|ভট্টা|মজুম|দত্ত|সেন|ঘোষ|সর|বসু|গুহ"),
        list!("বর্তী|পাধ্যায়|চার্য|দার|কার|রায়|ঠাকুর"),
        list!("রাত|আলো|বৃষ্টি|জানালা|চিঠি|ছায়া|তারা|স্বপ্ন|সাগর|নদী|গান|পথ|সকাল|মন|চাঁদ|মেঘ|শহর"),
        list!("তোমার|আমার|শেষ|নীল|একটা|দূরের|হারানো|প্রথম|অচেনা"),
        list!("বলো না|থেকে যাও|ফিরে এসো|ভুলে গেছি|গাও|নিয়ে চলো"),
        list!("আবার|আজ রাতে|সকাল অবধি|কাল|ধীরে ধীরে|অনেক দূরে"),
        list!("দল|পরিবার"),
    ],
    artists: list!("02 34|02 34|02 34|02 ও 02"),
    titles: list!("6 5|6 5|5|7 8|7 8|7|5 আর 5|কোথায় তুমি?|কে তুমি, 02?|5 #"),
    endings: list!(" (Live)| - Remix| (feat. *)| (Unplugged)"),
};

static THAI: Language = Language {
    lists: [
        list!("กา|กิ|ขวัญ|จัน|จิ|ชา|ชุ|ณัฐ|ดา|ธนา|ธี|นภา|นิ|นัน|ปาริ|พร|พิม|ภา|มา|รัต|วร|วิ|ศิ|สิริ|สุ|อร|อา|อนัน"),
        list!(""),
        list!("กร|ชัย|ชา|ดา|ทิพย์|ธร|นันท์|นา|พงษ์|พล|พันธ์|ภัทร|มณี|ยา|รัตน์|รินทร์|วรรณ|วัฒน์|วุฒิ|ศักดิ์|สรณ์|สุดา"),
        list!("กิตติ|แก้ว|จันทร์|ชัย|ทอง|ธรรม|บุญ|ประ|เพชร|มณี|รัตน|วิริยะ|ศรี|สมบัติ|สุข|สุวรรณ|แสง|อินทร์|อุดม"),
        list!("กุล|เจริญ|ไชย|ดี|ทรัพย์|บุตร|พันธุ์|ภักดี|มงคล|วงศ์|วัฒนา|ศิลป์|สกุล|โสภา|อนันต์"),
        list!("กลางคืน|แสงไฟ|สายฝน|ฤดูร้อน|หน้าต่าง|จดหมาย|เงา|สะพาน|ดวงดาว|ความฝัน|กระจก|ทะเล|ท่าเรือ|เพลง|ถนน|ยามเช้า|หัวใจ|ดวงจันทร์|ดอกไม้|เมฆ"),
        list!("ของเธอ|ของเรา|ที่หายไป|สุดท้าย|สีฟ้า|ที่ไม่มีชื่อ|ในความทรงจำ|ที่แสนไกล|ในสายลม|คนเดิม"),
        list!("อย่าบอกใคร|อยู่ตรงนี้|เต้นกับฉัน|ยังรอ|บอกฉัน|กลับมา|ไปด้วยกัน|ลืมไปแล้ว|คิดถึง"),
        list!("อีกครั้ง|คืนนี้|จนถึงเช้า|พรุ่งนี้|ช้าๆ|ที่ไกลๆ|เหมือนเดิม|นะ"),
        list!("วง|คณะ"),
    ],
    artists: list!("02 34|02 34|02 34|02 34|วง02 34|02|ดีเจ02"),
    titles: list!("56|56|5|78|78|7|5กับ5|เธออยู่ไหน|เธอคือใคร?|ทำไม?|5 #|ฤดูร้อน @"),
    endings: list!(" (Live)| - Acoustic Version| - Remix| (feat. *)| (เพลงประกอบละคร)"),
};

static THAI_LATIN: Language = Language {
    lists: [
        list!("Ka|Chan|Da|Nan|Pim|Rat|Su|Wi|Siri|Pat|Tan|Nop|Kwan|Jin|Mali|Phu|Than"),
        list!(""),
        list!("chai|da|thip|thorn|na|ya|rin|wan|wat|sak|nut|mon|rada|phan"),
        list!("Kitti|Kaew|Chan|Thong|Bun|Phet|Mani|Sri|Suk|Suwan|Saeng|In|Udom"),
        list!("kul|charoen|dee|sap|but|phan|mongkol|wong|wattana|sin|sakun"),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
    ],
    artists: list!("02 34|02 34|DJ 02|02"),
    titles: &[],
    endings: list!(" (Live)"),
};

static VIETNAMESE: Language = Language {
    lists: [
        list!("Minh|Thanh|Ngọc|Hoài|Quốc|Gia|Bảo|Thu|Kim|Anh|Hải|Đức|Xuân|Tuấn|Khánh|Phương|Hồng|Nhật|Diệu|Mỹ|Tường|Thiên|Bích|Quang|Hữu"),
        list!("Minh|Thanh|Ngọc|Hoài|Quốc|Gia|Bảo|Thu|Kim|Anh"),
        list!("An|Bình|Châu|Chi|Dung|Duy|Giang|Hà|Hân|Hạnh|Hiếu|Hoa|Hùng|Huy|Khoa|Lam|Lan|Linh|Long|Ly|Mai|My|Nam|Nga|Ngân|Nghi|Nhi|Phong|Phúc|Quân|Quỳnh|Sơn|Tâm|Thảo|Thư|Trang|Trí|Tú|Tuyết|Uyên|Vân|Vy|Yến"),
        list!("Nguyễn|Trần|Lê|Phạm|Hoàng|Phan|Vũ|Võ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Lý|Đinh|Trịnh|Mai|Tạ|Tô|Lương|Cao|Châu|Hà"),
        list!(""),
        list!("Đêm|Ánh đèn|Mưa|Mùa hè|Cửa sổ|Lá thư|Bóng|Mùa thu|Cây cầu|Vì sao|Giấc mơ|Mùa đông|Biển|Bến cảng|Lửa|Bài hát|Con đường|Buổi sáng|Trái tim|Ánh trăng|Hoa|Mây|Phố|Dòng sông"),
        list!("không tên|phương Nam|trong mưa|nửa đêm|không em|của hai ta|buổi sáng|bên sông|của hôm qua|cuối cùng|xa vời|màu xanh|năm ấy|chưa tắt"),
        list!("Đừng nói|Ở lại|Nhảy cùng anh|Em chờ|Nói đi|Trở về|Ta đi|Quên rồi|Hát lên|Đưa em về|Nhớ anh"),
        list!("lần nữa|đêm nay|đến sáng|ngày mai|thật khẽ|thật xa|như xưa|nhé"),
        list!("Nhóm|Ban nhạc"),
    ],
    artists: list!("3 0 2|3 0 2|3 0 2|3 0 1 2|3 0 1 2|0 2|3 0 2|0 2 & 0 2|DJ 0 2"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 và 5|Em ở đâu?|Anh là ai?|5 #|Mùa hè @|Một 5"),
    endings: list!(" (Live)| - Acoustic| - Remix| (feat. *)| (Lofi Version)| (Beat)"),
};

/// Indonesian and Malay.
static INDONESIAN: Language = Language {
    lists: [
        list!("A|Adi|Ari|Ba|Bu|Da|De|Di|E|Fa|Fi|Ga|Gi|Ha|I|In|Ja|Ka|Ki|La|Li|Ma|Me|Mu|Na|Nu|Ra|Re|Ri|Sa|Se|Si|Su|Tri|U|Wa|Wi|Wu|Ya|Yu|Za"),
        list!("|||li|ri|na|sa"),
        list!("di|lan|lia|man|mi|na|ni|no|nto|ra|rdi|ri|sih|sti|tri|tya|wan|wati|yan|yu|zal|zki"),
        list!("Adi|Arya|Bas|Cahya|Darma|Eka|Guna|Hadi|Indra|Jaya|Kusuma|Lesta|Maha|Nara|Nugra|Pra|Purna|Rama|Sapu|Surya|Tanu|Utama|Wira|Wijaya|Yuda"),
        list!("dinata|kusuma|ningrum|nata|negara|putra|putri|ri|santoso|sari|tama|wan|wardana|wati|wijaya|yanto|di"),
        list!("Malam|Cahaya|Hujan|Kemarau|Jendela|Surat|Bayangan|Jembatan|Bintang|Rumah|Mimpi|Stasiun|Cermin|Laut|Pelabuhan|Api|Lagu|Jalan|Pagi|Hati|Bulan|Bunga|Awan|Kota|Senja"),
        list!("dari kertas|tanpa nama|di selatan|dalam hujan|tengah malam|tanpamu|untuk berdua|di pagi hari|dari kaca|tepi sungai|yang hilang|terakhir|milik kita|yang jauh|tak bertuan"),
        list!("Jangan bilang|Tinggallah|Menarilah|Kutunggu|Katakan|Kembali|Kita pergi|Ku lupa|Bernyanyi|Bawa aku|Rindu"),
        list!("sekali lagi|malam ini|sampai pagi|besok|pelan-pelan|jauh dari sini|seperti dulu|bersamamu"),
        list!("Tetangga|Pelaut|Pengembara|Sahabat|Kunang-kunang|Saudara"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|02 02 34|012 34|012 34|012 34|012 34|012 34|012 34|DJ 012|012|012 & 9|9 012|012 34 34"),
    titles: list!("5 6|5 6|5 6|5|7 8|7 8|7|5 dan 5|Di mana kamu?|Siapa kamu, 02?|Kenapa tidak, 02?|5 #|5, Bagian #|Hujan @|02"),
    endings: list!(" (Live)| - Akustik| (Akustik)| - Remix| (feat. *)| - Versi Baru| (Koplo Version)"),
};

static FILIPINO: Language = Language {
    lists: [
        list!("An|Ber|Cris|Dan|El|Er|Fe|Ger|Jan|Jas|Je|Jo|Jun|Ka|Ken|Lau|Li|Lo|Ma|Mar|Mel|Mi|Nel|Ni|Ra|Rey|Ro|Ron|Sa|Shai|Tri|Van|Ven|Yna|Zan"),
        list!("|||a|e|i|ri"),
        list!("bel|cel|dale|lene|lie|lyn|mar|mel|na|nel|nie|nille|rell|rico|sa|son|vic|vin|wel"),
        list!("Alma|Bala|Bana|Batung|Cabre|Cala|Dala|De la |Dima|Gala|Gata|Guin|Lacsa|Luna|Maca|Maga|Mana|Mara|Pala|Panga|Sala|Suma|Tala|Villa"),
        list!("banan|bat|guit|hangon|lang|ligan|lino|mat|na|ndang|nao|nsan|pag|raeg|rez|santos|tan|yao|zon"),
        list!("Gabi|Ilaw|Ulan|Tag-araw|Bintana|Liham|Anino|Tulay|Bituin|Tahanan|Panaginip|Salamin|Dagat|Apoy|Awit|Daan|Umaga|Puso|Buwan|Ulap|Lungsod|Alon"),
        list!("na papel|na walang pangalan|sa ulan|sa hatinggabi|na wala ka|para sa dalawa|sa umaga|sa tabing-dagat|ng kahapon|na huli|natin|sa malayo"),
        list!("Huwag sabihin|Dito ka lang|Sayaw tayo|Hihintayin kita|Sabihin mo|Bumalik ka|Tara na|Nakalimutan ko|Kumanta ka|Isama mo ako"),
        list!("muli|ngayong gabi|hanggang umaga|bukas|dahan-dahan|sa malayo|tulad noon|sa akin"),
        list!("Kapitbahay|Tropa|Barkada|Manlalakbay"),
    ],
    artists: list!("012 34|012 34|012 34|012 34|012 34|02 02 34|DJ 012|012 34|012 34|012 & 012|9 ni 012|012"),
    titles: list!("5 6|5 6|5|7 8|7 8|7|5 at 5|Nasaan ka?|Sino ka, 02?|Bakit hindi, 02?|5 #|Tag-araw @|02"),
    endings: list!(" (Live)| - Acoustic| - Remix| (feat. *)| (Unplugged)| - Acoustic Version"),
};

static JAPANESE: Language = Language {
    lists: [
        list!("美|優|結|陽|真|健|翔|悠|直|和|智|恵|彩|奈|友|明|幸|涼|葵|千|理|遥|春|夏|秋|冬|香|純|拓|麻"),
        list!("ゆき|はる|みお|あお|そら|ひか|なの|りん|まい|さく|ほし|つき|もも|うみ|かぜ|ねこ|こと|いろ|あめ|ひな"),
        list!("子|美|香|奈|太|也|斗|介|人|希|音|菜|花|代|平|輝|樹|里|乃|生|郎|一|実|穂|乃香|太郎|之介"),
        list!("小|大|中|西|北|東|南|青|白|石|松|高|竹|林|藤|水|星|月|雪|桜|原|浜|吉|杉|柳|黒"),
        list!("田|川|山|本|村|野|島|崎|井|木|沢|橋|谷|浦|尾|岡|森|池|倉|塚|瀬|代|宮|坂"),
        list!("道|歌|空|海|花火|雨|手紙|街|夢|窓|星|月|約束|記憶|影|灯り|季節|列車|鏡|砂|駅|風|夜明け|傘"),
        list!("夜の|夏の|君の|青い|遠い|最後の|眠れない|小さな|春を待つ|終わらない|忘れた|名もなき|透明な|雨上がりの"),
        list!("君と|僕ら|もう一度|いつか|さよなら|ここで|ただ|明日も|そっと"),
        list!("歩いた|笑って|踊ろう|消えた|待っている|帰ろう|歌う|夢を見る|手を振る"),
        list!("楽団|合唱団|倶楽部|兄弟|三重奏|同好会"),
    ],
    artists: list!("3402|3402|34 02|34 02|34 11|349|1と11|6511|5と5の9|34兄妹"),
    titles: list!("65|65|65|5|5と5|78|78|78|65、5|5 #|どこへ行くの？|君は誰、02？|5よ、6まま|@年の5|11"),
    endings: list!(" (Live)| (ライブ)| - Acoustic Ver.| - Remix| (feat. *)| (Instrumental)| (カラオケ)| - Remastered @| - TV Size"),
};

static KANA: Language = Language {
    lists: [
        list!("ミ|ハル|ルカ|レイ|サキ|ノア|リオ|ユズ|ナギ|アキ|トワ|マヒ|カノ|セナ|ヒヨ"),
        list!("ロ|ラ|ナ|リ|ノ|カ|ト|ネ|モ|マ"),
        list!("ン|ル|ナ|ーノ|ーラ|リ|ト|ーズ|ネ|ッカ"),
        list!("きみ|ぼく|あした|よぞら|ひかり|こころ|なつ|ゆめ|かえりみち|おもいで"),
        list!("のうた|のまち|のはなし|をさがして|がきこえる|のとなりで|はどこ|をわすれて"),
        list!("メロディ|ダンス|ラジオ|サマー|ナイト|ドライブ|スター|カメラ|レモン|ソーダ|シグナル|ロケット|ブルー|パレード|プール|サイダー|ネオン|リボン|エンジン|パノラマ"),
        list!("真夜中|放課後|銀河|週末|秘密|屋上|海辺|東京|無限|夕暮れ"),
        list!("バイバイ|ハロー|ねえ|もっと"),
        list!("また明日|おやすみ|踊ろうよ|聞こえる？"),
        list!("ズ|クラブ|バンド|オーケストラ|ブラザーズ|トリオ|レコーズ|ボーイズ|シスターズ"),
    ],
    artists: list!("012|00 12|559|6 55|6の59|ザ・559|DJ 002|012&5ズ|5・55"),
    titles: list!("55|65|6の5|34|34|34|7、8|55 #|5・5|6 5|5 @|55・5"),
    endings: list!(" (Live)| - Remix| (feat. *)| - Acoustic Ver.| (Instrumental)| - TV Size"),
};

static ROMAJI: Language = Language {
    lists: [
        list!("A|Aki|Chi|Ha|Hi|Ka|Ke|Ko|Ma|Mi|Na|No|Re|Ri|Ryo|Sa|Sho|Ta|To|Yo|Yu"),
        list!("|||ka|na|ri|tsu|mi|ya|zu"),
        list!("ko|ka|mi|na|ri|ta|to|ya|suke|hiro|shi|ki|ne|no|ho"),
        list!("Asa|Fuji|Haya|Hoshi|Ishi|Kawa|Kita|Kuro|Matsu|Mina|Miya|Mori|Naka|Nishi|Oka|Saka|Shira|Taka|Tani|Yoshi|Yuki"),
        list!("bashi|da|gawa|hara|i|ki|moto|mura|no|oka|saki|shima|ta|tani|ya|yama|zawa"),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!("Orchestra|Club|Trio|Project"),
    ],
    artists: list!("012 34|012 34|012 34|012|DJ 012|34 9|02 from 34"),
    titles: &[],
    endings: list!(" (Live)"),
};

static KOREAN: Language = Language {
    lists: [
        list!("가|건|경|규|나|다|도|동|라|란|로|리|린|명|미|민|범|서|석|선|설|성|세|소|솔|수|승|아|안|연|영|예|우|원|유|윤|율|은|이|인|재|정|주|준|진|채|태|하|한|해|현|형|호|화|훈|희"),
        list!("별|달|봄|빛|꽃|숲|밤|솜|물결|노을|바람|하늘|구름|여름|나무|소리|새벽|이슬"),
        list!("나|라|린|민|빈|서|설|솔|수|아|안|연|영|우|원|윤|율|은|인|재|주|준|진|찬|하|한|현|호|훈|희"),
        list!("김|이|박|최|정|강|조|윤|장|임|한|오|서|권|황|안|송|류|홍|고|문|양|손|배|백|허|심"),
        list!(""),
        list!("밤|불빛|비|여름|창문|편지|그림자|가을|다리|별|꿈|겨울|거울|바다|일요일|항구|노래|길|아침|마음|달|꽃|구름|도시|기차|눈"),
        list!("너의|나의|우리의|마지막|푸른|먼|작은|외로운|이름 없는|잠들지 않는|끝없는|오래된|비 오는 날의"),
        list!("말하지 마|여기 있어|나와 춤춰|기다릴게|말해줘|돌아와|떠나자|잊었어|노래해|데려가|보고 싶어"),
        list!("다시|오늘 밤|아침까지|내일|천천히|멀리|예전처럼|너와"),
        list!("밴드|친구들|합창단|형제|클럽"),
    ],
    artists: list!("302|302|302|302|11 9|1 & 1|DJ 302|11|302 & 9"),
    titles: list!("6 5|6 5|6 5|5|7 8|8 7|8 7|7|5 그리고 5|어디 있니?|너는 누구니, 02?|5 #|@년 5|안녕, 5"),
    endings: list!(" (Live)| (Inst.)| - Acoustic Ver.| - Remix| (feat. *)| (With *)| (Acoustic)| - Remastered @"),
};

static KOREAN_LATIN: Language = Language {
    lists: [
        list!("Ha|Ji|Min|Seo|Yu|Hyun|Jae|Ye|Soo|Eun|Tae|Do|Na|Chae|Woo"),
        list!("|"),
        list!("rin|min|joon|yeon|hyun|ah|won|jin|seo|ho|hee|bin|ri|sol|kyung"),
        list!("Kim|Lee|Choi|Jung|Kang|Yoon|Jang|Lim|Han|Oh|Seo|Kwon|Hwang|Ahn|Song|Ryu|Hong|Moon|Yang|Bae"),
        list!("Nova|Luma|Ori|Vela|Pixi|Aero|Nebu|Cryst|Eli|Zeni"),
        list!("ra|ve|na|lix|on|ne|ta"),
        list!(""),
        list!(""),
        list!(""),
        list!("BOYS|GIRLS|CREW|LINE|CLUB"),
    ],
    artists: list!("3 02|3 02|02 3|45|45 #|45 9|02|DJ 02"),
    titles: &[],
    endings: list!(" (Live)"),
};

/// In traditional characters.
static CHINESE: Language = Language {
    lists: [
        list!("雅|怡|佳|家|俊|志|淑|美|宗|冠|宜|承|柏|詩|子|思|心|欣|品|彥|宇|昱|書|偉|建|明|文|育|嘉|宥|芷|若|晨|曉|靜|筱|亦|可|以|語|靖|浩|昀|沛|睿"),
        list!("小|阿|老"),
        list!("婷|君|豪|宏|玲|穎|翔|萱|涵|廷|恩|霖|軒|瑜|芸|筠|安|蓁|妤|樺|澤|諺|辰|樂|潔|儒|銘|銓|琪|華|惠|芳|珊|雯|萍|芬|娟|賢|傑|成|平|峰|庭|岑"),
        list!("陳|林|黃|張|李|王|吳|劉|蔡|楊|許|鄭|謝|郭|洪|邱|曾|廖|賴|徐|周|葉|蘇|莊|呂|江|何|蕭|羅|高|潘|簡|朱|鍾|彭|游|詹|施|沈|盧|梁|顏|柯|翁|魏|孫|戴|范|方|宋|鄧|杜|傅"),
        list!(""),
        list!("夜|燈火|雨|夏天|窗|信|影子|秋天|橋|星星|夢|冬天|鏡子|海|港口|雪|歌|路|清晨|心|月光|花|雲|城市|火車|溫柔"),
        list!("你的|我的|最後的|藍色|遠方的|無名的|沒有你的|昨日的|小小的|失眠的|南方的|一個人的"),
        list!("別說|留下來|陪我|等你|告訴我|回來|我們走|忘記了|唱歌|帶我走|想念"),
        list!("今晚|到天亮|明天|慢慢地|在遠方|像從前|就好|再一次"),
        list!("樂團|合唱團|三重奏|兄弟|姊妹|俱樂部"),
    ],
    artists: list!("302|302|302|302|302|32|15 9|659|302與9"),
    titles: list!("65|65|65|5|78|78|7|5與5|你在哪裡？|你是誰，02？|為什麼不，02？|5 #|@年的5|102"),
    endings: list!(" (Live)| - Live版| (不插電)| - Remix| (feat. *)| (伴奏版)| - 電影主題曲"),
};

static CHINESE_LATIN: Language = Language {
    lists: [
        list!("Chia|Hsin|Jia|Jun|Ming|Pei|Shu|Wei|Wen|Xin|Ya|Yi|Yu|Zhi|Hao|Kai|Li|Mei|Ruo|Si"),
        list!("-|"),
        list!("an|hao|hua|hui|jie|jun|lin|ling|ming|ping|rong|ting|wei|xuan|yi|ying|yu|zhen|han|ning"),
        list!("Chen|Lin|Huang|Chang|Lee|Wang|Wu|Liu|Tsai|Yang|Hsu|Cheng|Kuo|Hung|Chiu|Tseng|Liao|Chou|Yeh|Su|Tan|Ng|Lim|Goh|Teo|Ong|Koh|Chua|Low|Yap"),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!(""),
        list!("Trio|Band|Quartet|Collective"),
    ],
    artists: list!("3 02|012 3|012 3|02 3 9|DJ 02"),
    titles: &[],
    endings: list!(" (Live)"),
};

/// Yoruba with its dots and tones; given names also Igbo (7, 8). Songs also in Pidgin.
static NIGERIAN: Language = Language {
    lists: [
        list!("Adé|Ayọ̀|Olú|Ọlá|Akin|Ọmọ|Tèmi|Dàmi|Ìfẹ́|Olúwa|Bámi|Ẹni"),
        list!(""),
        list!("bọ́lá|wálé|ṣọlá|délé|fẹ́mi|kẹ́mi|yẹmí|túndé|dayọ̀|lọlá|ṣeun|tóyìn|dùn|tọ́bi"),
        list!("Ọlá|Adé|Akín|Oyè|Ògún|Fá|Ọ̀ṣun|Awó|Olú|Ìbí"),
        list!("wálé|ṣọlá|yẹmí|délé|dípọ̀|lékè|yínká|tọ́lá|jídé|níyì|sanyà|kúnlé|tádé"),
        list!("Ìfẹ́|Owó|Ayọ̀|Orin|Ijó|Òjò|Ọkàn|Ilé|Ọ̀nà|Oṣù|Ìràwọ̀|Àlá"),
        list!("mi|wa|rẹ|tuntun|dídùn|àná|ọ̀la"),
        list!("Chi|Obi|Nna|Kene|Ife|Ugo|Ada|Eme|Ike|Uche"),
        list!("amaka|chukwu|nọnso|dimma|sọm|ma|nna|oma|dili|kasị"),
        list!("No Wahala|My Guy|Body Dey Move|E Go Better|Soft Life|Chop Life|Shine Your Eye|Dance Small|Sweet Palm Wine|Lagos Rain|Abeg|Carry Me Go"),
    ],
    artists: list!("02 34|02 34|02 34|78 34|78 34|78 34|02 78 34|02 78 34|DJ 02 34|02|MC 78 34"),
    titles: list!("5 6|5 6|5|9|9|9 #|Wetin Dey?|How Far?|Who Dey?|5 6 (9)|02|78"),
    endings: list!(" (Live)| - Remix| (Remix)| (feat. *)| (feat. *)| (feat. * & *)| (Acoustic)| - Sped Up| (Refix)"),
};

/// Languages, and how many in a hundred names and titles are in them.
type Shares = &'static [(u64, &'static Language)];

/// Countries, and the languages of their artists; in all others they sing in English.
pub(super) static COUNTRIES_LANGUAGES: &[(&[&str], Shares)] = &[
    (&["US"], &[(13, &SPANISH), (1, &HEBREW), (86, &ENGLISH)]),
    (&["CA"], &[(22, &FRENCH), (78, &ENGLISH)]),
    (&["BR", "PT"], &[(88, &PORTUGUESE), (12, &ENGLISH)]),
    (&["MX", "AR", "CL", "CO", "PE", "EC", "ES"], &[(90, &SPANISH), (10, &ENGLISH)]),
    (&["DE", "AT"], &[(65, &GERMAN), (3, &TURKISH), (32, &ENGLISH)]),
    (&["CH"], &[(45, &GERMAN), (20, &FRENCH), (5, &ITALIAN), (30, &ENGLISH)]),
    (&["FR"], &[(72, &FRENCH), (5, &ARABIC_LATIN), (23, &ENGLISH)]),
    (&["BE"], &[(40, &DUTCH), (30, &FRENCH), (30, &ENGLISH)]),
    (&["IT"], &[(80, &ITALIAN), (20, &ENGLISH)]),
    (&["RO"], &[(75, &ROMANIAN), (25, &ENGLISH)]),
    (&["NL"], &[(60, &DUTCH), (40, &ENGLISH)]),
    (&["SE", "NO", "DK"], &[(60, &NORDIC), (40, &ENGLISH)]),
    (&["FI"], &[(65, &FINNISH), (35, &ENGLISH)]),
    (&["PL"], &[(75, &POLISH), (25, &ENGLISH)]),
    (&["CZ"], &[(75, &CZECH), (25, &ENGLISH)]),
    (&["UA"], &[(65, &UKRAINIAN), (20, &UKRAINIAN_LATIN), (15, &ENGLISH)]),
    (&["GR"], &[(65, &GREEK), (20, &GREEK_LATIN), (15, &ENGLISH)]),
    (&["TR"], &[(85, &TURKISH), (15, &ENGLISH)]),
    (&["EG", "SA"], &[(65, &ARABIC), (25, &ARABIC_LATIN), (10, &ENGLISH)]),
    (&["IL"], &[(70, &HEBREW), (30, &ENGLISH)]),
    (&["IN"], &[(30, &HINDI), (35, &HINDI_LATIN), (10, &TAMIL), (8, &BENGALI), (17, &ENGLISH)]),
    (&["TH"], &[(65, &THAI), (20, &THAI_LATIN), (15, &ENGLISH)]),
    (&["VN"], &[(82, &VIETNAMESE), (18, &ENGLISH)]),
    (&["ID"], &[(80, &INDONESIAN), (20, &ENGLISH)]),
    (&["MY"], &[(60, &INDONESIAN), (10, &CHINESE), (15, &CHINESE_LATIN), (15, &ENGLISH)]),
    (&["SG"], &[(20, &CHINESE), (35, &CHINESE_LATIN), (10, &INDONESIAN), (5, &TAMIL), (30, &ENGLISH)]),
    (&["PH"], &[(60, &FILIPINO), (40, &ENGLISH)]),
    (&["JP"], &[(45, &JAPANESE), (22, &KANA), (18, &ROMAJI), (15, &ENGLISH)]),
    (&["KR"], &[(50, &KOREAN), (35, &KOREAN_LATIN), (15, &ENGLISH)]),
    (&["TW"], &[(75, &CHINESE), (15, &CHINESE_LATIN), (10, &ENGLISH)]),
    (&["NG"], &[(60, &NIGERIAN), (40, &ENGLISH)]),
];

pub(super) fn languages(country: &str) -> Shares {
    static ELSEWHERE: [(u64, &Language); 1] = [(100, &ENGLISH)];
    COUNTRIES_LANGUAGES.iter().find(|of| of.0.contains(&country)).map_or(&ELSEWHERE, |of| of.1)
}

/// What people call their playlists, for each language: its share in thousandths, and forms over [`PLAYLIST_WORDS`].
pub(super) static PLAYLISTS: [(u64, &[&str]); 22] = [
    (420, list!("0 1|0 1|0 2|0 2|2 for 1|2 for 1|my 2|my 2|my 0 2|1|1 #|2|0|0 0 0|best of 2|best of 2 @|2 @|1 @|summer @|winter @|songs for 1|songs i like|liked but 0|mix #|new playlist #|untitled|asdf|old 2|throwback 2|2 & 2|2 + 2|for 1|pov: 1|that one 0 song|2 (0)|do not shuffle|dad's 2|mom's 1|our songs|wedding 2|pre 1|post 1|0 hours|0 girl era|road trip @|cleaning|1 2|songs that feel 0|only 2")),
    (110, list!("mi 2|2 en español|para entrenar|fiesta @|canciones tristes|para llorar|verano @|música de mi papá|en el carro|para dormir|mis favoritas|2 viejito pero bueno|domingo de limpieza|carne asada|baladas|mi vida en canciones|2 para la noche|románticas #|lo mejor de @")),
    (80, list!("minhas favoritas|treino|churrasco @|sofrência|2 nacional|viagem|pra dormir|pra correr|festa @|domingo|músicas tristes|saudade|2 das antigas|verão @|no carro|faxina #|só 2")),
    (40, list!("ma 2|soirée @|pour courir|été @|chansons tristes|route|2 français|au réveil|nostalgie|apéro|mes préférées|dodo|ménage #|vieux 2")),
    (45, list!("meine 2|für unterwegs|sommer @|zum einschlafen|autofahrt|party @|deutsche 2|laufen|traurig|putzen #|grillen|alte 2|frühstück|lieblingslieder")),
    (25, list!("la mia 2|estate @|in macchina|canzoni tristi|palestra|festa @|2 italiano|per dormire|vecchi 2|preferite #")),
    (15, list!("mijn 2|zomer @|onderweg|feestje @|hardlopen|rustig|nederlandse 2|schoonmaken")),
    (15, list!("min 2|sommar @|sommer @|bilen|fest @|träning|trening|til hytta|söndag|svensk 2|dansk 2")),
    (15, list!("moja 2|lato @|do auta|impreza @|smutne|polski 2|do biegania|ulubione #")),
    (8, list!("moje 2|léto @|do auta|na běhání|vară @|la drum|mele preferate|česká 2")),
    (25, list!("benim 2|yaz @|yol şarkıları|hüzünlü|türkçe 2|spor|uyku|sevdiklerim #|akşam çayı")),
    (50, list!("lagu galau|lagu santai|2 indonesia|buat kerja|di jalan|lagu lama @|favoritku|pagi hari|tidur #|senandung malam|lagu kenangan")),
    (25, list!("pang-senti|opm 2|pampatulog|road trip @|pang-inuman|tugtugan #|hugot @|mga paborito")),
    (30, list!("मेरे गाने|पुराने गाने|दिल से #|रात के गाने|mere gaane|purane gaane|dil se|bollywood 2|shaadi @|lofi hindi|desi 2|सुबह की चाय")),
    (12, list!("வீட்டு பாடல்கள்|மழை பாட்டு|tamil 2|প্রিয় গান|বৃষ্টির গান #|bangla 2")),
    (20, list!("夏の歌|作業用#|ドライブ|泣ける曲|お気に入り @|朝に聴く|カラオケ|勉強用|jpop 2|夜|アニソン #|通勤")),
    (10, list!("드라이브|운동할 때|잠잘 때|새벽 감성|내 노래 #|여름 @|k-pop 2|카페|공부할 때")),
    (18, list!("我的最愛|開車聽|睡前音樂|讀書 #|老歌|下雨天|運動|夏天 @|華語 2")),
    (18, list!("เพลงเศร้า|ขับรถ|เพลงเก่า @|ก่อนนอน|เพลงโปรด #|ออกกำลังกาย|เพลงไทย 2")),
    (15, list!("nhạc buồn|nhạc ngủ|đi phượt|nhạc xưa|yêu thích #|mùa hè @|nhạc việt 2|cà phê sáng")),
    (20, list!("أغاني حزينة|في السيارة|قديم|قبل النوم|المفضلة #|صيف @|رياضة|عربي 2|mazaj 2")),
    (14, list!("αγαπημένα #|καλοκαίρι @|στο αμάξι|παλιά|μελαγχολικά|у дорогу|улюблене #|сумні|літо @|для сну|українське 2")),
];

/// 0: moods. 1: moments. 2: kinds of music. 3: what is added when people feel like it.
pub(super) static PLAYLIST_WORDS: [&[&str]; 4] = [
    list!("chill|sad|happy|late night|soft|loud|angry|cozy|dreamy|slow|main character|nostalgic|rainy|sunny|feel good|calm|hype|moody|bittersweet|golden hour|lazy|romantic|weird|random|good|crying"),
    list!("gym|workout|shower|studying|study|driving|car ride|work|cooking|dinner|sleep|running|sunday morning|beach day|walking|train rides|reading|cleaning day|game night|coffee|office|monday|friday night|breakups|kids|camping|yoga|dishes|homework|long drives|bbq"),
    list!("rock|pop|indie|rap|techno|jazz|lofi|reggaeton|k-pop|r&b|metal|house|trap|folk|disco|soul|punk|funk|afrobeats|bossa nova|country|hip hop|classical|ambient|synthwave|mix|vibes|playlist|songs|music|bangers|hits|80s|90s|00s|2000s|oldies|acoustic|covers|remixes|piano"),
    list!("🔥|✨|🎧|🌙|💔|🎶|🌊|🚗|💪|🌴|☕|😴|🥲|🎉|🌸|🖤|💜|🤍|🌻|🍂|🌈|😭|💃|🏡"),
];
