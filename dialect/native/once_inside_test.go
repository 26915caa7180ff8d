package native

import (
	"strings"
	"testing"
)

// The writes that look after their keys themselves: the intake claims those of
// refunds, a quote changes nothing, a check and a comparison with a bill may be
// repeated, and a batch is many commits.
var withoutAgain = map[string]bool{
	"POST /refunds": true, "POST /quotes": true, "POST /charges/batch": true,
	"POST /accounts/{id}/check":     true,
	"POST /accounts/{id}/reconcile": true,
}

func TestEveryWriteKnowsWhatToAnswerARepeat(t *testing.T) {
	for _, r := range New(Services{}).routes() {
		name := r.Method + " " + strings.TrimPrefix(r.Path, version)
		if want := r.Method != "GET" && !withoutAgain[name]; want != (r.again != nil) {
			t.Errorf("%s: can answer a repeat: %v, want %v", name, r.again != nil, want)
		}
	}
}
