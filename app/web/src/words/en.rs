//! English, the reference.

use super::{ReviewWords, Words};

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
    wait: |seconds| match seconds {
        0..=59 => "It takes less than a minute.".into(),
        60..=3599 => match seconds.div_ceil(60) {
            1 => "It takes about 1 minute.".into(),
            n => format!("It takes about {n} minutes."),
        },
        _ => "It takes more than an hour.".into(),
    },
    no_model: "No language model is running on this box now. Your question is kept and waits until \
               one runs. Nobody knows how long that takes: if it is urgent, ask a health worker or \
               a teacher.",
    writing: "The answer is being written…",
    writing_notice: "Written by the model, not checked.",
    your_code: "Your answer code",
    code_keeps: "You may leave: your answer is kept under this code. To read it later, join this \
                 Wi-Fi again, open the first page and type the code.",
    look_again: "Look again",
    looks_by_itself: "This page looks again by itself.",

    answer_title: "Answer",
    checked: "Checked on this box",
    checked_by: "Checked by",
    role: |role| {
        Some(match role {
            "nurse" => "a nurse",
            "midwife" => "a midwife",
            "doctor" => "a doctor",
            "pharmacist" => "a pharmacist",
            "health worker" => "a health worker",
            "teacher" => "a teacher",
            _ => return None,
        })
    },
    time_not_set: "Time not set",
    origin_before: "Answered before",
    origin_model: "Written by the model, not checked",
    origin_library: "Word for word from the box's library, not yet reviewed",
    origin_library_reviewed: "Word for word from the box's library, reviewed here",
    weak: "Some sentences were taken out, since no source says them. The answer may be incomplete: \
           ask a health worker or a teacher too.",
    floor_title: "Danger",
    floor_source: "This advice is from:",
    floor_unreviewed: "This advice was not reviewed by a clinician.",
    topics: "The box knows about these. Tap one to ask:",
    origin_none: "This box has no source for your question",
    danger: "This can be a sign of danger. Go to a health worker now.",
    sources: "Where this comes from",
    source_reviewed: "From the box's library, reviewed here",
    source_unreviewed: "From the box's library, not yet reviewed",
    model: "Model",
    source_open: "Show it in its place",
    helped: "Did this help you?",
    yes: "Yes",
    no: "No",
    thanks: "Thank you. What you said is kept without your name.",
    ask_another: "Ask another question",
    failed_title: "There is no answer to this question",

    delete: "Delete my question",
    delete_title: "Delete this question?",
    delete_text: "The question and its answer are deleted from this box. Nobody can read them \
                  again, you neither.",
    delete_button: "Yes, delete it",
    delete_back: "No, keep it",
    deleted: "Your question and its answer are deleted.",

    source_title: "Source",
    section: "Part",
    publisher: "Published by",
    licence: "Licence",
    cited: "This is the passage",
    previous: "Before",
    next: "After",
    back_to_answer: "Back to my answer",

    status_title: "How this box is",
    status_well: "The box works.",
    status_no_model: "No language model is running. The box answers from its library and from \
                      answers that it kept; other questions wait.",
    status_no_knowledge: "The box has no library. It can answer hardly anything.",
    status_no_journal: "The box cannot keep questions. Tell the person in charge of the box.",
    none: "none",
    encoder: "Search by meaning",
    encoder_on: "on",
    encoder_off: "off; the box searches by words",
    passages: "Passages in the library",
    queue: "Questions waiting",
    clock: "Date",
    indexing: "Being read in",
    indexing_none: "nothing",

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
    too_many_of_yours: |waiting| {
        format!(
            "{waiting} of your questions are waiting already. This one was not taken. Wait for an \
             answer, then ask again."
        )
    },
    not_kept: "The box could not keep your question, so it was not taken. Tell the person in \
               charge of the box.",
    not_done: "The box could not do that. Try again; if it happens twice, tell the person in \
               charge of the box.",
    broken_form: "Your question arrived damaged, so it was not taken. Go back and send it again; \
                  if that does not help, write it in plain letters.",
    not_a_form: "This page takes questions from the form on the first page.",
    body_too_long: "That is far too long for one question. Ask the main point in a few sentences.",
    no_such_code: "There is no answer under this code. Look at the code again: a letter or a \
                   number may be wrong.",
    no_such_source: "This source is not on the box any more.",
    no_such_page: "There is no such page on this box.",
    not_our_form: "This did not come from a page of this box, so nothing was done. Open the page \
                   again and repeat it.",
    wrong_method: "This page cannot be used that way. Start from the first page.",
    malformed: "The box did not understand what your browser sent. Start from the first page.",
    length_unknown: "A question must say how long it is. Ask it in the form on the first page.",
    too_slow: "Your question did not arrive in time. Move closer to the box and send it again.",
    no_seat: "Too many phones are using the box just now. Wait a minute and try again.",
    no_stream: "Too many answers are being followed just now. The answer page itself still works.",
    our_fault: "Something in the box went wrong. Try again; if it happens twice, tell the person \
                in charge of the box.",
    trouble_title: "This did not work",
    done: "Done",
    go_on: "Go on",
    first_page: "Go to the first page",
};

pub(super) const REVIEW: ReviewWords = ReviewWords {
    title: "Review",
    set_up: "Nobody may review yet. Whoever runs the box makes the first reviewer on the box \
             itself:",
    set_up_then: "The box then shows a PIN. Come back here and log in with it.",
    log_in_hint: "For nurses, teachers and others who check the answers of this box.",
    pin: "Your PIN",
    log_in: "Log in",
    log_out: "Log out",
    pin_busy: "Somebody else is logging in just now. Try again.",
    wrong_pin: "This PIN is not right.",
    log_in_first: "You are not logged in, or not any more. Nothing was changed. Log in. If you \
                   come back here each time, your browser does not keep cookies: open this page in \
                   another browser.",
    wait: |seconds| match seconds {
        0..=60 => format!("There were too many wrong PINs. Wait {seconds} seconds."),
        _ => format!("There were too many wrong PINs. Wait {} minutes.", seconds.div_ceil(60)),
    },
    you_are: "Logged in as",
    menu: "Menu",

    open: "To check",
    needs_second: "Second person",
    unanswered: "No answer",
    entries: "Library",
    decided: "Decided",
    nothing: "Nothing here.",
    count: |first, last, total| format!("{first} to {last} of {total}"),
    earlier: "Back",
    more: "More",
    danger: "Danger",
    dose: "Has a dose",
    weak: "Weak support",
    asked: |n| match n {
        1 => "Asked once".into(),
        n => format!("Asked {n} times"),
    },
    did_not_help: |n| format!("{n} × did not help"),
    by_model: "Written by the model",
    from_library: "From the library",
    no_answer: "No answer yet.",
    approved_by: "Approved by",
    withdrawn_by: "Withdrawn by",
    second_missing: "A second person must approve this. Approved by",
    second_other: "You approved this. Somebody else must approve it too.",

    item_title: "Check one answer",
    approve: "This is right",
    approve_second: "This is right (second person)",
    edit: "Change",
    write: "Write an answer",
    withdraw: "Withdraw",
    withdraw_hint: "Nobody gets this answer any more.",
    reopen: "Undo the decision",
    reopen_hint: "It goes back into the list of those to check.",
    answer: "Answer",
    sms: "For one text message",
    sms_hint: "Leave this empty and the box shortens the answer.",
    dose_hint: "An answer with a dose is served as checked only once a second person approves it.",
    save: "Save and approve",
    reason: "Why?",
    back: "Back to the list",
    done_approved: "Approved. People get this answer from now on.",
    done_second: "Kept. A second person must approve it, since it has a dose.",
    done_withdrawn: "Withdrawn. Nobody gets this answer any more.",
    done_reopened: "The decision is undone.",
    gone: "This is not in the list any more.",
    changed: "The answer has changed since you opened it. Nothing was decided: read it again, then \
              decide.",
    same_person: "An answer with a dose needs a second person. Somebody else must approve it.",
    missing_answer: "There is no answer to approve. Write one.",
    not_kept: "The box could not keep this. Nothing was changed. Tell the person in charge of the \
               box.",

    packs: "Library",
    no_packs: "There is no library on this box.",
    passages: "passages",
    signed_by: "Signed by",
    not_signed: "Not signed",
    indexing: |percent| {
        format!("Being read in: {percent} %. It is not searched before it is done.")
    },
    ready: "Ready",
    problem: "Problem",
    stick: "On the USB stick",
    no_stick: "No stick with a file for this box. Put a stick in, then press “Look again”.",
    import: "Read in",
    importing: "The box reads it in. This page says how far it is.",

    site: "This place",
    card: "People in danger read this:",
    no_card: "People in danger read no address yet. Fill in where they can go.",
    facility: "Nearest health facility",
    phone: "Telephone",
    hours: "Open",
    retention: "Days to keep questions",
    retention_hint: "Counted while the box is on. 0 keeps them for ever.",
    without_source: "The model may answer without a source",
    without_source_warning: "Careful: a model without a source makes mistakes that sound right. \
                             Such answers are marked. Leave this off where health is concerned.",
    store: "Save",
    saved: "Saved.",
    bad_number: "The number of days must be a whole number, 0 or more.",

    clock: "Date and time",
    clock_is: "The box believes it is (UTC):",
    clock_not_set: "The box does not know the date. Answers carry no date until it does.",
    clock_phone: "This phone says (UTC):",
    clock_use: "Use the time of this phone",
    clock_by_hand: "Or write it by hand",
    clock_date: "Date and time (UTC)",
    clock_set: "The box has the time now.",
    bad_time: "This date cannot be read. Write it like 2026-03-31T14:30.",

    log: "Log",
    log_hint: "What was done on this box, the latest first. It does not say who asked.",
    no_log: "Nothing was done yet.",
    action: |action| {
        Some(match action {
            "approve" => "approved",
            "edit" => "changed",
            "withdraw" => "withdrew",
            "reopen" => "undid the decision",
            "import" => "read in",
            "export" => "downloaded",
            "site" => "changed the settings",
            "clock" => "set the time",
            _ => return None,
        })
    },
    the_box: "the box",
    export: "Download the decisions",
    export_hint: "A signed file for other boxes: take it there on a USB stick.",
};
