//! Swahili. Not yet reviewed by a native speaker; see the parent module.

use super::Words;

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
    writing: "Jibu linaandikwa…",
    writing_notice: "Limeandikwa na programu, halijakaguliwa.",
    your_code: "Namba ya jibu lako",
    code_keeps: "Unaweza kuondoka: jibu lako litahifadhiwa chini ya namba hii. Ili kulisoma \
                 baadaye, jiunge tena na Wi-Fi hii, fungua ukurasa wa kwanza na uandike namba.",
    look_again: "Angalia tena",
    looks_by_itself: "Ukurasa huu unaangalia tena wenyewe.",

    answer_title: "Jibu",
    origin_checked: "Limekaguliwa na muuguzi au mwalimu",
    origin_before: "Limeshajibiwa awali",
    origin_model: "Limeandikwa na programu, halijakaguliwa",
    origin_library: "Kutoka maktaba ya kisanduku, bado halijakaguliwa",
    origin_floor: "Ushauri wa usalama wa kisanduku hiki",
    origin_none: "Kisanduku hiki hakina chanzo cha swali lako",
    danger: "Hii inaweza kuwa dalili ya hatari. Nenda kwa mhudumu wa afya sasa hivi.",
    sources: "Jibu hili linatoka wapi",
    source_reviewed: "Kutoka maktaba ya kisanduku, imekaguliwa hapa",
    source_unreviewed: "Kutoka maktaba ya kisanduku, bado haijakaguliwa",
    model: "Programu",
    ask_another: "Uliza swali jingine",
    failed_title: "Hakuna jibu la swali hili",

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
    not_kept: "Kisanduku hakikuweza kuhifadhi swali lako, kwa hiyo halikupokelewa. Mwambie \
               msimamizi wa kisanduku.",
    broken_form: "Swali lako limefika likiwa limeharibika, kwa hiyo halikupokelewa. Rudi nyuma \
                  ulitume tena; isiposaidia, liandike kwa herufi za kawaida.",
    not_a_form: "Ukurasa huu hupokea maswali kutoka fomu ya ukurasa wa kwanza.",
    body_too_long: "Hilo ni refu mno kwa swali moja. Uliza jambo kuu kwa sentensi chache.",
    no_such_code: "Hakuna jibu chini ya namba hii. Itazame tena: huenda herufi au tarakimu moja si \
                   sahihi.",
    no_such_page: "Hakuna ukurasa huo kwenye kisanduku hiki.",
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
    first_page: "Nenda kwenye ukurasa wa kwanza",
};
