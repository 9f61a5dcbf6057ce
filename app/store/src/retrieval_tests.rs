//! Retrieval over the starter pack: questions put in words of their own must find their entry, and
//! questions that the pack has nothing on must find none.

use answer::answering::{Ground, find_ground};
use answer::question::{Language, QuestionText};

use crate::{KnowledgePack, STARTER, Store};

/// A question and the entry that answers it.
const PARAPHRASES: &[(&str, &str)] = &[
    ("my son drank kerosene what now", "poisoning-first-aid"),
    ("man bitten by a snake in the field", "snake-bite"),
    ("a stray dog bit my daughter", "dog-bite"),
    ("blood keeps coming out of my nose", "nosebleed-first-aid"),
    ("woman fainted in the market", "fainting-first-aid"),
    ("boy fell from tree and hit his head", "head-injury"),
    ("I think my arm is broken", "fracture-first-aid"),
    ("hot porridge burned my hand", "burn-first-aid"),
    ("my wife is shaking and having a seizure", "convulsion-first-aid"),
    ("how much salt and sugar for ORS", "ors-home-recipe"),
    ("how to mix the rehydration packet", "ors-packet"),
    ("baby has watery stool", "diarrhoea-home-care"),
    ("how can I tell if a child is dehydrated", "dehydration-signs"),
    ("rice water stool outbreak", "cholera-signs"),
    ("when is a fever dangerous for my child", "fever-danger-signs-child"),
    ("how do mosquito nets stop malaria", "malaria-prevention-nets"),
    ("malaria symptoms", "malaria-signs"),
    ("child is breathing fast with cough", "pneumonia-signs"),
    ("rash and red eyes in child", "measles-signs"),
    ("should I wash hands before cooking", "handwashing-when"),
    ("is river water safe to drink", "safe-water-treatment"),
    ("how do I store water", "safe-water-storage"),
    ("bleeding in pregnancy", "pregnancy-danger-signs"),
    ("how many clinic visits when pregnant", "antenatal-visits"),
    ("can I give my newborn water or only breast milk", "breastfeeding-exclusive"),
    ("umbilical cord care", "newborn-care"),
    ("next vaccine for my baby", "vaccine-schedule"),
    ("fever after vaccination", "vaccine-side-effects"),
    ("porridge for a seven month old", "complementary-feeding"),
    ("child very thin and swollen feet", "malnutrition-signs"),
    ("coughing blood for two weeks", "tb-signs"),
    ("can I stop TB tablets when I feel better", "tb-treatment"),
    ("how do you catch HIV", "hiv-spread"),
    ("face drooping on one side", "stroke-signs"),
    ("pain in my chest", "chest-pain"),
    ("why do children get worms", "worms-prevention"),
    ("I don't want to live any more", "feeling-hopeless"),
    ("half of a cake as a fraction", "fraction-meaning"),
    ("add 1/2 and 1/3", "adding-fractions"),
    ("what does percent mean", "percent-meaning"),
    ("is 7 prime", "prime-numbers"),
    ("mean of 3, 5 and 10", "average-mean"),
    ("area of a rectangle 4 by 5", "area-rectangle"),
    ("distance around a square", "perimeter-meaning"),
    ("what is an obtuse angle", "angles-types"),
    ("how do plants make food", "photosynthesis"),
    ("what do roots do", "plant-parts"),
    ("what does a seed need", "germination"),
    ("who eats whom food chain", "food-chain"),
    ("where does rain come from", "water-cycle"),
    ("solid liquid gas", "states-of-matter"),
    ("why does ice melt", "changes-of-state"),
    ("how many planets are there", "solar-system"),
    ("why is it dark at night", "day-and-night"),
    ("why is there winter and summer", "seasons"),
    ("how to light a bulb with a battery", "electric-circuit"),
    ("is rubber a conductor", "conductors-insulators"),
    ("why do magnets attract iron", "magnetism"),
    ("why do things fall", "gravity-force"),
    ("lever and pulley", "simple-machines"),
    ("how does the stomach digest food", "digestion"),
    ("what does the heart pump", "heart-blood"),
    ("symbols on a map", "map-reading"),
    ("north south east west", "compass-directions"),
    ("lines of latitude", "latitude-longitude"),
    ("difference between climate and weather", "weather-climate"),
    ("how to stop soil erosion", "soil-erosion"),
    ("what is a verb", "verb-meaning"),
    ("past tense", "tenses"),
    ("plural of child", "plurals"),
    ("where do I put a comma", "punctuation"),
    ("baby is choking on a nut", "choking-baby"),
    ("an adult stopped breathing", "not-breathing-cpr"),
    ("sugar in blood disease signs", "diabetes-signs"),
    ("what food is a balanced meal", "balanced-diet"),
    ("newborn baby not feeding and hot", "newborn-danger-signs"),
    ("mother bleeding after giving birth", "after-birth-danger-signs"),
    ("child got chemical in eye", "eye-injury"),
];

/// Questions that nothing in the pack answers, some of which share words with it.
const WITHOUT_SOURCE: &[&str] = &[
    "What is the capital of France?",
    "Who won the football world cup?",
    "How do I fix my motorcycle engine?",
    "How do I cook rice?",
    "What is the price of maize today?",
    "Who is the president of Kenya?",
    "How do I reset my phone password?",
    "When does the bus leave for Nairobi?",
    "What is bitcoin?",
    "How do I write a CV for a job?",
    "Tell me a joke",
    "How do I train a dog to sit?",
    "What is the best phone to buy?",
    "How do I plant maize in dry soil?",
    "What is the dose of amoxicillin for a child of 10 kg?",
    "How do I treat ringworm?",
    "My cow has a swollen udder",
    "How do I register for an identity card?",
    "What is the speed of light?",
    "Who wrote Romeo and Juliet?",
    "How far is the moon from the earth?",
    "what causes earthquakes",
    "How do I bake bread?",
    "What is the law on land ownership?",
    "how do I get a passport",
    "What is democracy?",
    "translate good morning into French",
    "who discovered penicillin",
    "what is the square root of 144",
    "how do I repair a bicycle tyre puncture",
    "what is a computer virus",
    "how do I make soap",
    "my goat will not eat",
    "how do I treat a toothache",
    "can I take aspirin with ibuprofen",
    "what is the treatment for scabies",
    "how do I remove a tick",
    "what is inflation",
    "when did the second world war end",
    "how do I solve a quadratic equation",
    "what is Pythagoras theorem",
    "what is DNA",
    "how do vaccines for cattle work",
    "how do I get rid of rats",
    "what is the internet",
    "asdf qwer zxcv",
    "help",
    "baby",
    "water",
    "what is it",
    "how to reduce weight fast",
    "is my husband cheating",
    "how do I catch fish",
    "where can I borrow money",
    "what is the meaning of life",
    "how do I play the guitar",
    "which church is near",
    "solar panel price",
    "how do I connect a solar panel to a battery",
    "what is the height of Mount Kilimanjaro",
    "write a poem about rain",
    "what is the national anthem",
    "how do I stop hair loss",
    "why do cats purr",
    "how do planes fly",
];

fn ground(store: &Store, question: &str) -> Option<String> {
    let question = QuestionText::parse(question).unwrap();
    match find_ground(&question, &Language::english(), None, store).unwrap() {
        Ground::Passage(passage) => Some(passage.id),
        _ => None,
    }
}

fn starter() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.load(&KnowledgePack::parse("starter-en.jsonl", STARTER.as_bytes()).unwrap()).unwrap();
    (folder, store)
}

#[test]
fn every_wording_of_the_pack_finds_its_own_entry() {
    let (_folder, store) = starter();
    let pack = KnowledgePack::parse("starter-en.jsonl", STARTER.as_bytes()).unwrap();
    for entry in &pack.entries {
        for wording in entry.phrasings.iter().chain([&entry.question]) {
            assert_eq!(ground(&store, wording).as_ref(), Some(&entry.id), "{wording}");
        }
    }
}

#[test]
fn other_words_mostly_find_the_entry_and_seldom_a_wrong_one() {
    let (_folder, store) = starter();
    let (mut right, mut wrong) = (0_usize, Vec::new());
    for (question, id) in PARAPHRASES {
        match ground(&store, question) {
            Some(found) if found == *id => right += 1,
            Some(found) => wrong.push((*question, found)),
            None => println!("refused: {question}"),
        }
    }
    println!("right {right} of {}, wrong {wrong:?}", PARAPHRASES.len());
    assert!(right * 100 >= PARAPHRASES.len() * 88, "{right} of {}", PARAPHRASES.len());
    assert!(wrong.len() <= 2, "{wrong:?}");
}

#[test]
fn what_the_pack_does_not_have_is_refused() {
    let (_folder, store) = starter();
    let taken: Vec<_> = WITHOUT_SOURCE
        .iter()
        .filter_map(|question| Some((*question, ground(&store, question)?)))
        .collect();
    println!("answered {taken:?} of {}", WITHOUT_SOURCE.len());
    assert!(taken.len() * 100 <= WITHOUT_SOURCE.len() * 6, "{taken:?}");
}
