package native

import (
	"strings"
	"testing"
)

// The writes that look after their keys themselves: the intake claims those of
// refunds, a quote and a dry run change nothing, a check, a comparison with a bill and a
// test event may be repeated, a batch is many commits, and a file is known by its
// content.
var withoutAgain = map[string]bool{
	"POST /refunds": true, "POST /quotes": true, "POST /charges/batch": true,
	"POST /accounts/{id}/check":     true,
	"POST /accounts/{id}/reconcile": true, "POST /endpoints/{id}/test": true,
	"POST /policies/{id}/dry-run": true, "POST /bulk": true,
}

func TestEveryWriteKnowsWhatToAnswerARepeat(t *testing.T) {
	for _, r := range New(Services{}).routes() {
		name := r.Method + " " + strings.TrimPrefix(r.Path, version)
		if want := r.Method != "GET" && !withoutAgain[name]; want != (r.again != nil) {
			t.Errorf("%s: can answer a repeat: %v, want %v", name, r.again != nil, want)
		}
	}
}
