//! Swahili. Not yet reviewed by a native speaker; see the parent module.

use super::{ReviewWords, Words};

pub(super) const WORDS: Words = Words {
    tagline: "Maswali na majibu, yanayobaki hapa",
    languages: "Lugha",
    emergency: "Kwa dharura, mtafute mhudumu wa afya sasa hivi. Usisubiri kisanduku hiki.",

    ask_title: "Unataka kujua nini?",
    ask_label: "Swali lako",
    ask_hint: "Swali moja kwa wakati mmoja, kwa maneno yako mwenyewe.",
    ask_button: "Uliza",
    private: "Swali lako linahifadhiwa kwenye kisanduku hiki na haliendi mahali pengine.",
    have_code: "Nina namba ya jibu",
    code_label: "Namba ya jibu",
    code_button: "Nionyeshe jibu langu",

    accepted: "Swali lako limepokelewa",
    waiting_title: "Jibu lako linakuja",
    your_question: "Swali lako",
    ahead: |n| match n {
        0 => "Swali lako ndilo linalofuata.".into(),
        1 => "Swali 1 liko mbele ya lako.".into(),
        n => format!("Maswali {n} yako mbele ya lako."),
    },
    wait: |seconds| match seconds {
        0..=59 => "Itachukua chini ya dakika moja.".into(),
        60..=3599 => format!("Itachukua kama dakika {}.", seconds.div_ceil(60)),
        _ => "Itachukua zaidi ya saa moja.".into(),
    },
    no_model: "Hakuna programu ya lugha inayofanya kazi kwenye kisanduku hiki sasa. Swali lako \
               limehifadhiwa na linasubiri hadi programu ifanye kazi. Hakuna anayejua itachukua \
               muda gani: ikiwa ni haraka, muulize mhudumu wa afya au mwalimu.",
    writing: "Jibu linaandikwa…",
    writing_notice: "Limeandikwa na programu, halijakaguliwa.",
    your_code: "Namba ya jibu lako",
    code_keeps: "Unaweza kuondoka: jibu lako litahifadhiwa chini ya namba hii. Ili kulisoma \
                 baadaye, jiunge tena na Wi-Fi hii, fungua ukurasa wa kwanza na uandike namba.",
    look_again: "Angalia tena",
    looks_by_itself: "Ukurasa huu unaangalia tena wenyewe.",

    answer_title: "Jibu",
    checked: "Limekaguliwa kwenye kisanduku hiki",
    checked_by: "Limekaguliwa na",
    role: |role| {
        Some(match role {
            "nurse" => "muuguzi",
            "midwife" => "mkunga",
            "doctor" => "daktari",
            "pharmacist" => "mfamasia",
            "health worker" => "mhudumu wa afya",
            "teacher" => "mwalimu",
            _ => return None,
        })
    },
    time_not_set: "Saa haijawekwa",
    origin_before: "Limeshajibiwa awali",
    origin_model: "Limeandikwa na programu, halijakaguliwa",
    origin_library: "Neno kwa neno kutoka maktaba ya kisanduku, bado halijakaguliwa",
    origin_library_reviewed: "Neno kwa neno kutoka maktaba ya kisanduku, limekaguliwa hapa",
    weak: "Sentensi nyingine zimeondolewa kwa sababu hakuna chanzo kinachozisema. Huenda jibu \
           halijakamilika: muulize pia mhudumu wa afya au mwalimu.",
    floor_title: "Hatari",
    floor_source: "Ushauri huu unafuata:",
    floor_unreviewed: "Ushauri huu haujakaguliwa na mtaalamu wa afya.",
    topics: "Kisanduku kinajua kuhusu haya. Gusa moja ili kuuliza:",
    origin_none: "Kisanduku hiki hakina chanzo cha swali lako",
    danger: "Hii inaweza kuwa dalili ya hatari. Nenda kwa mhudumu wa afya sasa hivi.",
    sources: "Jibu hili linatoka wapi",
    source_reviewed: "Kutoka maktaba ya kisanduku, imekaguliwa hapa",
    source_unreviewed: "Kutoka maktaba ya kisanduku, bado haijakaguliwa",
    model: "Programu",
    source_open: "Kionyeshe mahali pake",
    helped: "Je, jibu hili limekusaidia?",
    yes: "Ndiyo",
    no: "Hapana",
    thanks: "Asante. Ulichosema kimehifadhiwa bila jina lako.",
    ask_another: "Uliza swali jingine",
    failed_title: "Hakuna jibu la swali hili",

    delete: "Futa swali langu",
    delete_title: "Ufute swali hili?",
    delete_text: "Swali na jibu lake vitafutwa kwenye kisanduku hiki. Hakuna atakayeweza kuvisoma \
                  tena, hata wewe.",
    delete_button: "Ndiyo, lifute",
    delete_back: "Hapana, libaki",
    deleted: "Swali lako na jibu lake vimefutwa.",

    source_title: "Chanzo",
    section: "Sehemu",
    publisher: "Kimechapishwa na",
    licence: "Leseni",
    cited: "Hiki ndicho kifungu",
    previous: "Kabla",
    next: "Baada",
    back_to_answer: "Rudi kwenye jibu langu",

    status_title: "Hali ya kisanduku hiki",
    status_well: "Kisanduku kinafanya kazi.",
    status_no_model: "Hakuna programu ya lugha inayofanya kazi. Kisanduku kinajibu kutoka maktaba \
                      yake na majibu kilichohifadhi; maswali mengine yanasubiri.",
    status_no_knowledge: "Kisanduku hakina maktaba. Hakiwezi kujibu karibu chochote.",
    status_no_journal: "Kisanduku hakiwezi kuhifadhi maswali. Mwambie msimamizi wa kisanduku.",
    none: "hakuna",
    encoder: "Kutafuta kwa maana",
    encoder_on: "kunafanya kazi",
    encoder_off: "hakufanyi kazi; kisanduku kinatafuta kwa maneno",
    passages: "Vifungu vilivyo kwenye maktaba",
    queue: "Maswali yanayosubiri",
    clock: "Tarehe",
    indexing: "Kinachosomwa sasa",
    indexing_none: "hakuna",

    empty: "Hukuandika kitu. Andika unachotaka kujua, kisha bonyeza Uliza.",
    too_long: |length, limit| {
        format!(
            "Swali lako lina herufi {length}, na zisizozidi {limit} ndizo zinazotosha. Uliza jambo \
             kuu kwanza."
        )
    },
    busy: |waiting| {
        format!(
            "Tayari maswali {waiting} yanasubiri. Swali lako halikupokelewa. Jaribu tena baada ya \
             dakika chache."
        )
    },
    too_many_of_yours: |waiting| {
        format!(
            "Tayari maswali yako {waiting} yanasubiri. Hili halikupokelewa. Subiri jibu, kisha \
             uliza tena."
        )
    },
    not_kept: "Kisanduku hakikuweza kuhifadhi swali lako, kwa hiyo halikupokelewa. Mwambie \
               msimamizi wa kisanduku.",
    not_done: "Kisanduku hakikuweza kufanya hivyo. Jaribu tena; ikitokea mara mbili, mwambie \
               msimamizi wa kisanduku.",
    broken_form: "Swali lako limefika likiwa limeharibika, kwa hiyo halikupokelewa. Rudi nyuma \
                  ulitume tena; isiposaidia, liandike kwa herufi za kawaida.",
    not_a_form: "Ukurasa huu hupokea maswali kutoka fomu ya ukurasa wa kwanza.",
    body_too_long: "Hilo ni refu mno kwa swali moja. Uliza jambo kuu kwa sentensi chache.",
    no_such_code: "Hakuna jibu chini ya namba hii. Itazame tena: huenda herufi au tarakimu moja si \
                   sahihi.",
    no_such_source: "Chanzo hiki hakipo tena kwenye kisanduku.",
    no_such_page: "Hakuna ukurasa huo kwenye kisanduku hiki.",
    not_our_form: "Hili halikutoka kwenye ukurasa wa kisanduku hiki, kwa hiyo hakuna \
                   kilichofanyika. Fungua ukurasa tena urudie.",
    wrong_method: "Ukurasa huu hautumiki hivyo. Anza kwenye ukurasa wa kwanza.",
    malformed: "Kisanduku hakikuelewa kilichotumwa na kivinjari chako. Anza kwenye ukurasa wa \
                kwanza.",
    length_unknown: "Swali lazima liseme urefu wake. Liulize kwenye fomu ya ukurasa wa kwanza.",
    too_slow: "Swali lako halikufika kwa wakati. Sogea karibu na kisanduku ulitume tena.",
    no_seat: "Simu nyingi mno zinatumia kisanduku sasa. Subiri dakika moja ujaribu tena.",
    no_stream: "Majibu mengi mno yanafuatiliwa sasa. Ukurasa wa jibu wenyewe bado unafanya kazi.",
    our_fault: "Hitilafu imetokea ndani ya kisanduku. Jaribu tena; ikitokea mara mbili, mwambie \
                msimamizi wa kisanduku.",
    trouble_title: "Haikufanikiwa",
    done: "Imefanyika",
    go_on: "Endelea",
    first_page: "Nenda kwenye ukurasa wa kwanza",
};

pub(super) const REVIEW: ReviewWords = ReviewWords {
    title: "Ukaguzi",
    set_up: "Bado hakuna anayeruhusiwa kukagua. Msimamizi wa kisanduku anamweka mkaguzi wa kwanza \
             kwenye kisanduku chenyewe:",
    set_up_then: "Kisha kisanduku kinaonyesha PIN. Rudi hapa uingie kwa PIN hiyo.",
    log_in_hint: "Kwa wauguzi, walimu na wengine wanaokagua majibu ya kisanduku hiki.",
    pin: "PIN yako",
    log_in: "Ingia",
    log_out: "Toka",
    pin_busy: "Mtu mwingine anaingia sasa hivi. Jaribu tena.",
    wrong_pin: "PIN hii si sahihi.",
    log_in_first: "Hujaingia, au muda wako umekwisha. Hakuna kilichobadilishwa. Ingia. Ukirudishwa \
                   hapa kila mara, kivinjari chako hakihifadhi vidakuzi: fungua ukurasa huu kwenye \
                   kivinjari kingine.",
    wait: |seconds| match seconds {
        0..=60 => format!("PIN zisizo sahihi zimekuwa nyingi mno. Subiri sekunde {seconds}."),
        _ => format!(
            "PIN zisizo sahihi zimekuwa nyingi mno. Subiri dakika {}.",
            seconds.div_ceil(60)
        ),
    },
    you_are: "Umeingia kama",
    menu: "Menyu",

    open: "Ya kukagua",
    needs_second: "Mtu wa pili",
    unanswered: "Bila jibu",
    entries: "Maktaba",
    decided: "Yaliyoamuliwa",
    nothing: "Hakuna kitu hapa.",
    count: |first, last, total| format!("{first} hadi {last} kati ya {total}"),
    earlier: "Rudi",
    more: "Zaidi",
    danger: "Hatari",
    dose: "Lina kipimo cha dawa",
    weak: "Vyanzo dhaifu",
    asked: |n| format!("Limeulizwa mara {n}"),
    did_not_help: |n| format!("Halikusaidia mara {n}"),
    by_model: "Limeandikwa na programu",
    from_library: "Kutoka maktaba",
    no_answer: "Bado hakuna jibu.",
    approved_by: "Limekubaliwa na",
    withdrawn_by: "Limeondolewa na",
    second_missing: "Mtu wa pili lazima alikubali hili. Limekubaliwa na",
    second_other: "Wewe umelikubali. Mtu mwingine lazima alikubali pia.",

    item_title: "Kagua jibu moja",
    approve: "Hili ni sahihi",
    approve_second: "Hili ni sahihi (mtu wa pili)",
    edit: "Badilisha",
    write: "Andika jibu",
    withdraw: "Ondoa",
    withdraw_hint: "Hakuna atakayepata jibu hili tena.",
    reopen: "Tengua uamuzi",
    reopen_hint: "Litarudi kwenye orodha ya kukaguliwa.",
    answer: "Jibu",
    sms: "Kwa ujumbe mfupi mmoja",
    sms_hint: "Pakiachwa wazi, kisanduku kinalifupisha jibu.",
    dose_hint: "Jibu lenye kipimo cha dawa linatolewa kama lililokaguliwa mara tu mtu wa pili \
                anapolikubali.",
    save: "Hifadhi na ukubali",
    reason: "Kwa nini?",
    back: "Rudi kwenye orodha",
    done_approved: "Limekubaliwa. Watu watapata jibu hili kuanzia sasa.",
    done_second: "Limehifadhiwa. Mtu wa pili lazima alikubali, kwa sababu lina kipimo cha dawa.",
    done_withdrawn: "Limeondolewa. Hakuna atakayepata jibu hili tena.",
    done_reopened: "Uamuzi umetenguliwa.",
    gone: "Hili halipo tena kwenye orodha.",
    changed: "Jibu limebadilika tangu ulipolifungua. Hakuna kilichoamuliwa: lisome tena, kisha \
              uamue.",
    same_person: "Jibu lenye kipimo cha dawa linahitaji mtu wa pili. Mtu mwingine lazima \
                  alikubali.",
    missing_answer: "Hakuna jibu la kukubali. Andika jibu.",
    not_kept: "Kisanduku hakikuweza kuhifadhi hili. Hakuna kilichobadilishwa. Mwambie msimamizi wa \
               kisanduku.",

    packs: "Maktaba",
    no_packs: "Hakuna maktaba kwenye kisanduku hiki.",
    passages: "vifungu",
    signed_by: "Imetiwa saini na",
    not_signed: "Haina saini",
    indexing: |percent| format!("Inasomwa: asilimia {percent}. Haitafutwi kabla ya kumalizika."),
    ready: "Tayari",
    problem: "Tatizo",
    stick: "Kwenye kijiti cha USB",
    no_stick: "Hakuna kijiti chenye faili la kisanduku hiki. Weka kijiti, kisha bonyeza “Angalia \
               tena”.",
    import: "Soma faili",
    importing: "Kisanduku kinalisoma. Ukurasa huu unaonyesha kimefika wapi.",

    site: "Mahali hapa",
    card: "Watu walio hatarini wanasoma hivi:",
    no_card: "Watu walio hatarini bado hawasomi anwani yoyote. Jaza mahali wanapoweza kwenda.",
    facility: "Kituo cha afya kilicho karibu",
    phone: "Simu",
    hours: "Saa za kazi",
    retention: "Siku za kuhifadhi maswali",
    retention_hint: "Zinahesabiwa kisanduku kikiwa kimewashwa. 0 inayahifadhi daima.",
    without_source: "Programu inaruhusiwa kujibu bila chanzo",
    without_source_warning: "Tahadhari: programu bila chanzo hukosea kwa namna inayoonekana kuwa \
                             sahihi. Majibu hayo huwekwa alama. Acha hii ikiwa imezimwa kwa mambo \
                             ya afya.",
    store: "Hifadhi",
    saved: "Imehifadhiwa.",
    bad_number: "Idadi ya siku lazima iwe namba kamili, 0 au zaidi.",

    clock: "Tarehe na saa",
    clock_is: "Kisanduku kinaamini ni (UTC):",
    clock_not_set: "Kisanduku hakijui tarehe. Majibu hayatakuwa na tarehe hadi kiijue.",
    clock_phone: "Simu hii inasema (UTC):",
    clock_use: "Tumia saa ya simu hii",
    clock_by_hand: "Au iandike mwenyewe",
    clock_date: "Tarehe na saa (UTC)",
    clock_set: "Sasa kisanduku kina saa.",
    bad_time: "Tarehe hii haisomeki. Iandike kama 2026-03-31T14:30.",

    log: "Kumbukumbu",
    log_hint: "Yaliyofanyika kwenye kisanduku hiki, ya mwisho kwanza. Haisemi nani aliuliza.",
    no_log: "Bado hakuna kilichofanyika.",
    action: |action| {
        Some(match action {
            "approve" => "alikubali",
            "edit" => "alibadilisha",
            "withdraw" => "aliondoa",
            "reopen" => "alitengua uamuzi",
            "import" => "alisoma faili",
            "export" => "alipakua",
            "site" => "alibadilisha mipangilio",
            "clock" => "aliweka saa",
            _ => return None,
        })
    },
    the_box: "kisanduku",
    export: "Pakua maamuzi",
    export_hint: "Faili lenye saini kwa visanduku vingine: lipeleke huko kwa kijiti cha USB.",
};
