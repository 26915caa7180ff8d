package dialecttest

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Step is one request of a transcript.
type Step struct {
	// Title says in a sentence what is shown.
	Title  string
	Method string
	// Path with its query. {name} in Path, Body and header values stands for
	// what an earlier step kept.
	Path string
	Body string
	// Header lines, name and value by turns.
	Header []string
	// Keep gives names to parts of the answer: name to a path of members and
	// indexes, such as "data.0.id".
	Keep map[string]string
	// Until repeats the request until the answer contains it, for what
	// happens behind the answer.
	Until string
	// Quiet leaves the step out of the golden file: it only prepares.
	Quiet bool
}

// Rule replaces what differs from run to run. Each different text that Match
// finds gets a number of its own, so that the same id is the same placeholder
// everywhere: <refund 1>. Unnumbered ones become <time>, whatever they say.
type Rule struct {
	Match      *regexp.Regexp
	Name       string
	Unnumbered bool
	// Tail also replaces what follows this prefix wherever it stands alone:
	// a refund's order_no is its id without "re_".
	Tail string
	// Not lists texts that are fixed and stay as they are.
	Not []string
}

// Transcript is a conversation that is compared with testdata/NAME.golden.
type Transcript struct {
	Name  string
	URL   string
	Rules []Rule
	Steps []Step
	// Headers of answers that the golden file shows, where they are present.
	Headers []string
	// Sign, if not nil, adds to each request what its dialect signs it with.
	Sign func(t testing.TB, r *http.Request, body string)
	// Check, if not nil, sees each request with its body and the answer, to
	// hold them against an OpenAPI contract.
	Check func(t testing.TB, r *http.Request, body string, response *http.Response, answer string)
}

// Run plays the transcript.
func (tr Transcript) Run(t *testing.T) {
	t.Helper()
	kept := map[string]string{}
	var out strings.Builder
	for _, step := range tr.Steps {
		fill := filler(kept)
		response, answer := tr.play(t, step, fill)
		for name, path := range step.Keep {
			kept[name] = member(t, answer, path)
		}
		if step.Quiet {
			continue
		}
		fmt.Fprintf(&out, "# %s\n%s %s\n", step.Title, step.Method, fill.Replace(step.Path))
		for n := 0; n+1 < len(step.Header); n += 2 {
			fmt.Fprintf(&out, "%s: %s\n", step.Header[n], fill.Replace(step.Header[n+1]))
		}
		if step.Body != "" {
			fmt.Fprintf(&out, "\n%s\n", fill.Replace(step.Body))
		}
		fmt.Fprintf(&out, "\n%d\n", response.StatusCode)
		for _, name := range tr.Headers {
			for _, value := range response.Header.Values(name) {
				fmt.Fprintf(&out, "%s: %s\n", name, value)
			}
		}
		fmt.Fprintf(&out, "\n%s\n\n", answer)
	}
	compare(t, tr.Name, normalise(out.String(), tr.Rules))
}

func (tr Transcript) play(t *testing.T, step Step, fill *strings.Replacer) (Answer, string) {
	t.Helper()
	const pause = 10 * time.Millisecond
	header := slices.Clone(step.Header)
	for n := 1; n < len(header); n += 2 {
		header[n] = fill.Replace(header[n])
	}
	for deadline := time.Now().Add(settleTimeout); ; {
		body := fill.Replace(step.Body)
		r := Request(t, step.Method, tr.URL+fill.Replace(step.Path), body, header...)
		if tr.Sign != nil {
			tr.Sign(t, r, body)
		}
		response, answer := Do(t, r)
		if strings.Contains(answer, step.Until) {
			if tr.Check != nil && !step.Quiet {
				tr.Check(t, r, body, &http.Response{StatusCode: response.StatusCode, Header: response.Header, Body: http.NoBody}, answer)
			}
			return response, answer
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: no answer with %q after %s; the last was\n%s", step.Title, step.Until, settleTimeout, answer)
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
}

func filler(kept map[string]string) *strings.Replacer {
	var pairs []string
	for name, value := range kept {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...)
}

// member follows a path through a JSON answer.
func member(t testing.TB, answer, path string) string {
	t.Helper()
	value, err := exactjson.Decode([]byte(answer), exactjson.Limits{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
	for name := range strings.SplitSeq(path, ".") {
		var index int
		if _, err := fmt.Sscan(name, &index); err == nil && index < len(value.Items) {
			value = value.Items[index]
			continue
		}
		next, ok := value.Get(name)
		if !ok {
			t.Fatalf("no %s in\n%s", path, answer)
		}
		value = next
	}
	return value.Text
}

// normalise replaces what differs from run to run.
func normalise(text string, rules []Rule) string {
	for _, rule := range rules {
		numbers := map[string]string{}
		text = rule.Match.ReplaceAllStringFunc(text, func(found string) string {
			if rule.Unnumbered {
				return "<" + rule.Name + ">"
			}
			if slices.Contains(rule.Not, found) {
				return found
			}
			if numbers[found] == "" {
				numbers[found] = fmt.Sprint(len(numbers) + 1)
			}
			return "<" + rule.Name + " " + numbers[found] + ">"
		})
		if rule.Tail == "" {
			continue
		}
		for found, number := range numbers {
			text = strings.ReplaceAll(text, strings.TrimPrefix(found, rule.Tail), "<"+rule.Name+" "+number+" without "+rule.Tail+">")
		}
	}
	return text
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (write it with go test -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is another conversation (-want +got); if that is right, go test -update:\n%s", file, diff)
	}
}
