//! Chat templates, rendered as the model's authors wrote them (Jinja, as in Hugging Face's
//! `apply_chat_template`).

use crate::error::EngineError;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, context};
use model_pack::Pack;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The words.
    pub content: String,
}

/// The template of a pack, parsed; or none.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    environment: Option<Environment<'static>>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    pub(crate) fn new(pack: &Pack) -> Result<ChatTemplate, EngineError> {
        let model = &pack.manifest().model;
        let environment = pack.chat_template().map(environment).transpose()?;
        Ok(ChatTemplate {
            environment,
            bos: model.bos_token.clone().unwrap_or_default(),
            eos: model.eos_token.clone().unwrap_or_default(),
        })
    }

    /// True if the model's authors gave a template; special tokens then come from it.
    pub(crate) fn exists(&self) -> bool {
        self.environment.is_some()
    }

    /// The conversation as text, ending where the assistant begins to speak. Without a template:
    /// the turns, an empty line between them.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<String, EngineError> {
        let Some(environment) = &self.environment else {
            let turns: Vec<&str> = messages.iter().map(|m| m.content.as_str()).collect();
            return Ok(turns.join("\n\n") + "\n\n");
        };
        let turns: Vec<_> =
            messages.iter().map(|m| context! { role => &m.role, content => &m.content }).collect();
        let values = context! {
            messages => turns,
            add_generation_prompt => true,
            bos_token => &self.bos,
            eos_token => &self.eos,
        };
        let rendered = environment.get_template("chat").and_then(|t| t.render(values));
        rendered.map_err(|e| template_error(&e))
    }
}

fn environment(source: &str) -> Result<Environment<'static>, EngineError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|e| template_error(&e))?);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function(
        "raise_exception",
        |text: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, text))
        },
    );
    let added = environment.add_template_owned("chat", source.to_owned());
    added.map_err(|e| template_error(&e))?;
    Ok(environment)
}

fn template_error(error: &minijinja::Error) -> EngineError {
    let line = error.line().map_or(String::new(), |line| format!(" (line {line})"));
    EngineError::Template(format!("{error}{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, messages: &[(&str, &str)]) -> Result<String, EngineError> {
        let message = |(role, content): &(&str, &str)| Message {
            role: (*role).into(),
            content: (*content).into(),
        };
        let messages: Vec<Message> = messages.iter().map(message).collect();
        let environment = Some(environment(source)?);
        ChatTemplate { environment, bos: "<s>".into(), eos: "</s>".into() }.render(&messages)
    }

    #[test]
    fn python_methods_blocks_and_special_tokens_work() {
        let source = "{{ bos_token }}{% for m in messages %}\n\
            {%- if m['role'] == 'system' %}[{{ m.content.strip().upper() }}]\n\
            {%- else %}<{{ m['role'] }}>{{ m['content'] | trim }}{{ eos_token }}{% endif %}\n\
            {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        let text = render(source, &[("system", " be kind "), ("user", " hi ")]).expect("renders");
        assert_eq!(text, "<s>[BE KIND]<user>hi</s><assistant>");
    }

    #[test]
    fn the_authors_refusal_reaches_the_reader() {
        let source = "{{ raise_exception('only user turns') }}";
        let error = render(source, &[("system", "x")]).expect_err("refuses");
        assert!(error.to_string().contains("only user turns"), "{error}");
    }

    #[test]
    fn words_of_a_person_are_not_a_template() {
        let text = render("{{ messages[0].content }}", &[("user", "{{ bos_token }}")]);
        assert_eq!(text.expect("renders"), "{{ bos_token }}");
    }
}
