package merchant

import (
	"bytes"
	"encoding/json"
	"maps"
)

// Document lists all of it as indented JSON in the form of demo.json: what a
// client needs to be configured with, secrets included, by dialects; a dialect
// that the merchant is not known in is left out.
func (f Fresh) Document() []byte {
	document := map[string]any{}
	for _, d := range f.dialects {
		if d.Document != nil {
			document[d.Name] = f.documentOf(d)
		}
	}
	for _, account := range f.Accounts {
		if account.Channel == ChannelSandbox {
			document[ChannelSandbox] = map[string]string{"account": account.ID}
		}
	}
	if f.Console != nil {
		document["console"] = f.Console
	}
	if warnings := f.Warnings(); len(warnings) > 0 {
		document["warnings"] = warnings
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		panic("documents are made of texts: " + err.Error())
	}
	return out.Bytes()
}

// documentOf is what a client of one dialect is configured with.
func (f Fresh) documentOf(d Dialect) any {
	var identities []Identity
	for _, i := range f.Identities {
		if i.Dialect == d.Name {
			identities = append(identities, i)
		}
	}
	return d.Document(identities, f.Key(d.Name))
}

// Credentials is what a client of a new member's dialect is configured with, as a
// JSON object of texts. Secrets that were given are left out: whoever gave them has
// them.
func (f Fresh) Credentials(given Given) []byte {
	words := map[string]string{}
	for _, d := range f.dialects {
		if d.Document == nil {
			continue
		}
		text, err := json.Marshal(f.documentOf(d))
		if err == nil {
			err = json.Unmarshal(text, &words)
		}
		if err != nil {
			panic("documents are made of texts: " + err.Error())
		}
	}
	for _, secret := range given.Secrets {
		maps.DeleteFunc(words, func(_, text string) bool { return text == secret })
	}
	maps.DeleteFunc(words, func(_, text string) bool { return text == "" })
	text, err := json.Marshal(words)
	if err != nil {
		panic("documents are made of texts: " + err.Error())
	}
	return text
}
