//! English, the reference.

use super::Words;

pub(super) const WORDS: Words = Words {
    tagline: "Questions and answers, kept in this place",
    languages: "Language",
    emergency: "In an emergency, find a health worker now. Do not wait for this box.",

    ask_title: "What do you want to know?",
    ask_label: "Your question",
    ask_hint: "One question at a time, in your own words.",
    ask_button: "Ask",
    private: "Your question is kept on this box and goes nowhere else.",
    have_code: "I have an answer code",
    code_label: "Answer code",
    code_button: "Show my answer",

    accepted: "Your question was accepted",
    waiting_title: "Your answer is on its way",
    your_question: "Your question",
    ahead: |n| match n {
        0 => "Your question is next.".into(),
        1 => "1 question is before yours.".into(),
        n => format!("{n} questions are before yours."),
    },
    writing: "The answer is being written…",
    writing_notice: "Written by the model, not checked.",
    your_code: "Your answer code",
    code_keeps: "You may leave: your answer is kept under this code. To read it later, join this \
                 Wi-Fi again, open the first page and type the code.",
    look_again: "Look again",
    looks_by_itself: "This page looks again by itself.",

    answer_title: "Answer",
    origin_checked: "Checked by a nurse or a teacher",
    origin_before: "Answered before",
    origin_model: "Written by the model, not checked",
    origin_library: "From the box's library, not yet reviewed",
    origin_floor: "Safety advice of this box",
    origin_none: "This box has no source for your question",
    danger: "This can be a sign of danger. Go to a health worker now.",
    sources: "Where this comes from",
    source_reviewed: "From the box's library, reviewed here",
    source_unreviewed: "From the box's library, not yet reviewed",
    model: "Model",
    ask_another: "Ask another question",
    failed_title: "There is no answer to this question",

    empty: "You wrote nothing. Write what you want to know, then press Ask.",
    too_long: |length, limit| {
        format!(
            "Your question has {length} characters and at most {limit} fit. Ask the main point \
             first."
        )
    },
    busy: |waiting| {
        format!(
            "{waiting} questions are waiting already. Your question was not taken. Try again in a \
             few minutes."
        )
    },
    not_kept: "The box could not keep your question, so it was not taken. Tell the person in \
               charge of the box.",
    broken_form: "Your question arrived damaged, so it was not taken. Go back and send it again; \
                  if that does not help, write it in plain letters.",
    not_a_form: "This page takes questions from the form on the first page.",
    body_too_long: "That is far too long for one question. Ask the main point in a few sentences.",
    no_such_code: "There is no answer under this code. Look at the code again: a letter or a \
                   number may be wrong.",
    no_such_page: "There is no such page on this box.",
    wrong_method: "This page cannot be used that way. Start from the first page.",
    malformed: "The box did not understand what your browser sent. Start from the first page.",
    length_unknown: "A question must say how long it is. Ask it in the form on the first page.",
    too_slow: "Your question did not arrive in time. Move closer to the box and send it again.",
    no_seat: "Too many phones are using the box just now. Wait a minute and try again.",
    no_stream: "Too many answers are being followed just now. The answer page itself still works.",
    our_fault: "Something in the box went wrong. Try again; if it happens twice, tell the person \
                in charge of the box.",
    trouble_title: "This did not work",
    first_page: "Go to the first page",
};
