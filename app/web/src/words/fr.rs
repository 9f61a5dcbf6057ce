//! French. Not yet reviewed by a native speaker; see the parent module. The spaces before `: ; ? !
//! %` and inside guillemets are ones that do not break.

use super::{ReviewWords, Words};

pub(super) const WORDS: Words = Words {
    tagline: "Des questions et des réponses qui restent ici",
    languages: "Langue",
    emergency: "En cas d'urgence, allez voir un agent de santé maintenant. N'attendez pas cette \
                boîte.",

    ask_title: "Que voulez-vous savoir ?",
    ask_label: "Votre question",
    ask_hint: "Une question à la fois, avec vos mots.",
    ask_button: "Demander",
    private: "Votre question est gardée dans cette boîte et n'en sort pas.",
    have_code: "J'ai un code de réponse",
    code_label: "Code de réponse",
    code_button: "Voir ma réponse",

    accepted: "Votre question est acceptée",
    waiting_title: "Votre réponse arrive",
    your_question: "Votre question",
    ahead: |n| match n {
        0 => "Votre question est la prochaine.".into(),
        1 => "1 question passe avant la vôtre.".into(),
        n => format!("{n} questions passent avant la vôtre."),
    },
    wait: |seconds| match seconds {
        0..=59 => "Cela prend moins d'une minute.".into(),
        60..=3599 => match seconds.div_ceil(60) {
            1 => "Cela prend environ 1 minute.".into(),
            n => format!("Cela prend environ {n} minutes."),
        },
        _ => "Cela prend plus d'une heure.".into(),
    },
    no_model: "Aucun modèle de langue ne marche dans cette boîte en ce moment. Votre question est \
               gardée et attend qu'un modèle marche. Personne ne sait combien de temps cela \
               prend : si c'est urgent, demandez à un agent de santé ou à un enseignant.",
    writing: "La réponse s'écrit…",
    writing_notice: "Écrit par le modèle, non vérifié.",
    your_code: "Code de votre réponse",
    code_keeps: "Vous pouvez partir : votre réponse est gardée sous ce code. Pour la lire plus \
                 tard, rejoignez ce Wi-Fi, ouvrez la première page et tapez le code.",
    look_again: "Regarder encore",
    looks_by_itself: "Cette page regarde encore d'elle-même.",

    answer_title: "Réponse",
    checked: "Vérifié dans cette boîte",
    checked_by: "Vérifié par",
    role: |role| {
        Some(match role {
            "nurse" => "une infirmière ou un infirmier",
            "midwife" => "une sage-femme",
            "doctor" => "un médecin",
            "pharmacist" => "un pharmacien",
            "health worker" => "un agent de santé",
            "teacher" => "un enseignant",
            _ => return None,
        })
    },
    time_not_set: "Heure non réglée",
    origin_before: "Déjà répondu avant",
    origin_model: "Écrit par le modèle, non vérifié",
    origin_library: "Mot pour mot de la bibliothèque de la boîte, pas encore relu",
    origin_library_reviewed: "Mot pour mot de la bibliothèque de la boîte, relu ici",
    weak: "Des phrases ont été retirées, car aucune source ne les dit. La réponse peut être \
           incomplète : demandez aussi à un agent de santé ou à un enseignant.",
    floor_title: "Danger",
    floor_source: "Ce conseil suit :",
    floor_unreviewed: "Ce conseil n'a pas été relu par un soignant.",
    topics: "La boîte connaît ces sujets. Touchez-en un pour demander :",
    origin_none: "Cette boîte n'a pas de source pour votre question",
    danger: "Cela peut être un signe de danger. Allez voir un agent de santé maintenant.",
    sources: "D'où cela vient",
    source_reviewed: "De la bibliothèque de la boîte, relu ici",
    source_unreviewed: "De la bibliothèque de la boîte, pas encore relu",
    model: "Modèle",
    source_open: "Voir à sa place",
    helped: "Cela vous a-t-il aidé ?",
    yes: "Oui",
    no: "Non",
    thanks: "Merci. Votre avis est gardé sans votre nom.",
    ask_another: "Poser une autre question",
    failed_title: "Il n'y a pas de réponse à cette question",

    delete: "Effacer ma question",
    delete_title: "Effacer cette question ?",
    delete_text: "La question et sa réponse sont effacées de cette boîte. Personne ne pourra plus \
                  les lire, vous non plus.",
    delete_button: "Oui, effacer",
    delete_back: "Non, garder",
    deleted: "Votre question et sa réponse sont effacées.",

    source_title: "Source",
    section: "Partie",
    publisher: "Publié par",
    licence: "Licence",
    cited: "Voici le passage",
    previous: "Avant",
    next: "Après",
    back_to_answer: "Retour à ma réponse",

    status_title: "L'état de cette boîte",
    status_well: "La boîte marche.",
    status_no_model: "Aucun modèle de langue ne marche. La boîte répond avec sa bibliothèque et \
                      les réponses gardées ; les autres questions attendent.",
    status_no_knowledge: "La boîte n'a pas de bibliothèque. Elle ne peut répondre à presque rien.",
    status_no_journal: "La boîte ne peut pas garder les questions. Dites-le au responsable de la \
                        boîte.",
    none: "aucun",
    encoder: "Recherche par le sens",
    encoder_on: "active",
    encoder_off: "inactive ; la boîte cherche par mots",
    passages: "Passages dans la bibliothèque",
    queue: "Questions en attente",
    clock: "Date",
    indexing: "En cours de lecture",
    indexing_none: "rien",

    empty: "Vous n'avez rien écrit. Écrivez ce que vous voulez savoir, puis appuyez sur Demander.",
    too_long: |length, limit| {
        format!(
            "Votre question a {length} caractères et la limite est {limit}. Demandez d'abord le \
             plus important."
        )
    },
    busy: |waiting| {
        format!(
            "Questions déjà en attente : {waiting}. La vôtre n'a pas été prise. Essayez encore \
             dans quelques minutes."
        )
    },
    too_many_of_yours: |waiting| {
        format!(
            "Vos questions déjà en attente : {waiting}. Celle-ci n'a pas été prise. Attendez une \
             réponse, puis demandez encore."
        )
    },
    not_kept: "La boîte n'a pas pu garder votre question, elle n'a donc pas été prise. Dites-le au \
               responsable de la boîte.",
    not_done: "La boîte n'a pas pu faire cela. Essayez encore ; si cela se répète, dites-le au \
               responsable de la boîte.",
    broken_form: "Votre question est arrivée abîmée, elle n'a donc pas été prise. Revenez en \
                  arrière et envoyez-la encore ; sinon, écrivez-la en lettres simples.",
    not_a_form: "Cette page prend les questions du formulaire de la première page.",
    body_too_long: "C'est beaucoup trop long pour une question. Demandez le plus important en \
                    quelques phrases.",
    no_such_code: "Il n'y a pas de réponse sous ce code. Regardez-le encore : une lettre ou un \
                   chiffre est peut-être faux.",
    no_such_source: "Cette source n'est plus dans la boîte.",
    no_such_page: "Cette page n'existe pas dans cette boîte.",
    not_our_form: "Ceci ne vient pas d'une page de cette boîte, rien n'a donc été fait. Ouvrez la \
                   page de nouveau et recommencez.",
    wrong_method: "Cette page ne s'utilise pas ainsi. Commencez par la première page.",
    malformed: "La boîte n'a pas compris ce que votre navigateur a envoyé. Commencez par la \
                première page.",
    length_unknown: "Une question doit dire sa longueur. Posez-la dans le formulaire de la \
                     première page.",
    too_slow: "Votre question n'est pas arrivée à temps. Approchez-vous de la boîte et envoyez-la \
               encore.",
    no_seat: "Trop de téléphones utilisent la boîte en ce moment. Attendez une minute et essayez \
              encore.",
    no_stream: "Trop de réponses sont suivies en ce moment. La page de la réponse marche toujours.",
    our_fault: "Quelque chose n'a pas marché dans la boîte. Essayez encore ; si cela se répète, \
                dites-le au responsable de la boîte.",
    trouble_title: "Cela n'a pas marché",
    done: "C'est fait",
    go_on: "Continuer",
    first_page: "Aller à la première page",
};

pub(super) const REVIEW: ReviewWords = ReviewWords {
    title: "Relecture",
    set_up: "Personne ne peut encore relire. Le responsable de la boîte crée le premier relecteur \
             sur la boîte elle-même :",
    set_up_then: "La boîte montre alors un code PIN. Revenez ici et entrez avec ce code.",
    log_in_hint: "Pour les soignants, les enseignants et les autres qui vérifient les réponses de \
                  cette boîte.",
    pin: "Votre code PIN",
    log_in: "Entrer",
    log_out: "Sortir",
    pin_busy: "Quelqu'un d'autre entre en ce moment. Essayez encore.",
    wrong_pin: "Ce code PIN n'est pas juste.",
    log_in_first: "Vous n'êtes pas entré, ou plus maintenant. Rien n'a changé. Entrez. Si vous \
                   revenez ici à chaque fois, votre navigateur ne garde pas les cookies : ouvrez \
                   cette page dans un autre navigateur.",
    wait: |seconds| match seconds {
        0..=60 => format!("Trop de codes PIN faux. Attendez {seconds} secondes."),
        _ => format!("Trop de codes PIN faux. Attendez {} minutes.", seconds.div_ceil(60)),
    },
    you_are: "Entré comme",
    menu: "Menu",

    open: "À vérifier",
    needs_second: "2ᵉ personne",
    unanswered: "Sans réponse",
    entries: "Bibliothèque",
    decided: "Décidé",
    nothing: "Rien ici.",
    count: |first, last, total| format!("{first} à {last} sur {total}"),
    earlier: "Retour",
    more: "Suite",
    danger: "Danger",
    dose: "Contient une dose",
    weak: "Peu de sources",
    asked: |n| format!("Demandé {n} fois"),
    did_not_help: |n| format!("N'a pas aidé {n} fois"),
    by_model: "Écrit par le modèle",
    from_library: "De la bibliothèque",
    no_answer: "Pas encore de réponse.",
    approved_by: "Approuvé par",
    withdrawn_by: "Retiré par",
    second_missing: "Une deuxième personne doit approuver. Approuvé par",
    second_other: "Vous avez approuvé. Quelqu'un d'autre doit aussi approuver.",

    item_title: "Vérifier une réponse",
    approve: "C'est juste",
    approve_second: "C'est juste (2ᵉ personne)",
    edit: "Changer",
    write: "Écrire une réponse",
    withdraw: "Retirer",
    withdraw_hint: "Plus personne ne reçoit cette réponse.",
    reopen: "Annuler la décision",
    reopen_hint: "Elle retourne dans la liste à vérifier.",
    answer: "Réponse",
    sms: "Pour un seul SMS",
    sms_hint: "Laissez vide et la boîte raccourcit la réponse.",
    dose_hint: "Une réponse avec une dose n'est donnée comme vérifiée que si une deuxième personne \
                l'approuve.",
    save: "Garder et approuver",
    reason: "Pourquoi ?",
    back: "Retour à la liste",
    done_approved: "Approuvé. Les gens reçoivent cette réponse dès maintenant.",
    done_second: "Gardé. Une deuxième personne doit approuver, car il y a une dose.",
    done_withdrawn: "Retiré. Plus personne ne reçoit cette réponse.",
    done_reopened: "La décision est annulée.",
    gone: "Ceci n'est plus dans la liste.",
    changed: "La réponse a changé depuis que vous l'avez ouverte. Rien n'est décidé : lisez-la \
              encore, puis décidez.",
    same_person: "Une réponse avec une dose demande une deuxième personne. Quelqu'un d'autre doit \
                  l'approuver.",
    missing_answer: "Il n'y a pas de réponse à approuver. Écrivez-en une.",
    not_kept: "La boîte n'a pas pu garder ceci. Rien n'a changé. Dites-le au responsable de la \
               boîte.",

    packs: "Bibliothèque",
    no_packs: "Il n'y a pas de bibliothèque dans cette boîte.",
    passages: "passages",
    signed_by: "Signé par",
    not_signed: "Non signé",
    indexing: |percent| {
        format!("En cours de lecture : {percent} %. La boîte n'y cherche pas avant la fin.")
    },
    ready: "Prêt",
    problem: "Problème",
    stick: "Sur la clé USB",
    no_stick: "Pas de clé avec un fichier pour cette boîte. Mettez une clé, puis appuyez sur \
               « Regarder encore ».",
    import: "Lire le fichier",
    importing: "La boîte lit le fichier. Cette page dit où elle en est.",

    site: "Ce lieu",
    card: "Les gens en danger lisent ceci :",
    no_card: "Les gens en danger ne lisent encore aucune adresse. Écrivez où ils peuvent aller.",
    facility: "Centre de santé le plus proche",
    phone: "Téléphone",
    hours: "Ouvert",
    retention: "Jours où les questions sont gardées",
    retention_hint: "Comptés quand la boîte est allumée. 0 les garde toujours.",
    without_source: "Le modèle peut répondre sans source",
    without_source_warning: "Attention : un modèle sans source fait des erreurs qui semblent \
                             justes. Ces réponses sont marquées. Laissez ceci éteint quand il \
                             s'agit de santé.",
    store: "Garder",
    saved: "C'est gardé.",
    bad_number: "Le nombre de jours doit être un nombre entier, 0 ou plus.",

    clock: "Date et heure",
    clock_is: "La boîte croit qu'il est (UTC) :",
    clock_not_set: "La boîte ne connaît pas la date. Les réponses n'ont pas de date jusque-là.",
    clock_phone: "Ce téléphone dit (UTC) :",
    clock_use: "Prendre l'heure de ce téléphone",
    clock_by_hand: "Ou l'écrire à la main",
    clock_date: "Date et heure (UTC)",
    clock_set: "La boîte a l'heure maintenant.",
    bad_time: "Cette date ne peut pas être lue. Écrivez-la comme 2026-03-31T14:30.",

    log: "Journal",
    log_hint: "Ce qui a été fait dans cette boîte, le plus récent d'abord. Il ne dit pas qui a \
               demandé.",
    no_log: "Rien n'a encore été fait.",
    action: |action| {
        Some(match action {
            "approve" => "a approuvé",
            "edit" => "a changé",
            "withdraw" => "a retiré",
            "reopen" => "a annulé la décision",
            "import" => "a fait lire",
            "export" => "a téléchargé",
            "site" => "a changé les réglages",
            "clock" => "a réglé l'heure",
            _ => return None,
        })
    },
    the_box: "la boîte",
    export: "Télécharger les décisions",
    export_hint: "Un fichier signé pour d'autres boîtes : portez-le là-bas sur une clé USB.",
};
