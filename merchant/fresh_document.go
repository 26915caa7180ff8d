package merchant

import (
	"bytes"
	"encoding/json"
)

// Document lists all of it as indented JSON in the form of demo.json: what a
// client needs to be configured with, secrets included, by dialects; a dialect
// that the merchant is not known in is left out.
func (f Fresh) Document() []byte {
	document := map[string]any{}
	for _, d := range f.dialects {
		var identities []Identity
		for _, i := range f.Identities {
			if i.Dialect == d.Name {
				identities = append(identities, i)
			}
		}
		if d.Document != nil {
			document[d.Name] = d.Document(identities, f.Key(d.Name))
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
