package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestALineSaysWhoseRequestItIsAndHowManyMillisecondsItTook(t *testing.T) {
	for _, asJSON := range []bool{true, false} {
		var out bytes.Buffer
		log := NewLog(&out, slog.LevelInfo, asJSON).With("part", "server")
		ctx := WithCaller(t.Context(), func() string { return "iar_made" })
		log.InfoContext(ctx, "nobody is known yet")
		if strings.Contains(out.String(), "merchant") {
			t.Errorf("a caller who is not known: %s", out.String())
		}
		out.Reset()
		NoteCaller(ctx, "mer_1", "key_1")
		NoteCaller(ctx, "mer_1", "")              // found once more, by name
		NoteCaller(t.Context(), "mer_2", "key_2") // not of a request: nothing happens
		log.DebugContext(ctx, "below the level")
		log.ErrorContext(ctx, "request", "took", 1500*time.Microsecond, "error", errors.New("broken"))
		if !asJSON {
			if got := out.String(); !strings.Contains(got, `took=1.5ms error=broken request_id=iar_made merchant_id=mer_1 key_id=key_1`) || strings.Count(got, "\n") != 1 {
				t.Errorf("as text: %s", got)
			}
			continue
		}
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		if line["took_ms"] != 1.5 || line["took"] != nil || line["merchant_id"] != "mer_1" || line["key_id"] != "key_1" || line["error"] != "broken" || line["request_id"] != "iar_made" || line["part"] != "server" {
			t.Errorf("as JSON: %s", out.String())
		}
	}
}

func TestARequestHasOneId(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(&out, slog.LevelInfo, true)
	ctx := WithCaller(t.Context(), func() string { return "iar_made" })
	NoteRequest(ctx, "iar_noted")
	NoteRequest(t.Context(), "iar_nobodys")
	NoteCaller(ctx, "mer_1", "")
	log.InfoContext(ctx, "said by itself", "request_id", "iar_own", "merchant_id", "mer_own")
	log.InfoContext(ctx, "not said")
	lines := strings.Split(out.String(), "\n")
	if strings.Count(lines[0], "request_id") != 1 || !strings.Contains(lines[0], "iar_own") || strings.Count(lines[0], "merchant_id") != 1 || !strings.Contains(lines[1], `"request_id":"iar_noted","merchant_id":"mer_1"`) {
		t.Errorf("the lines are %s", out.String())
	}
	if RequestID(ctx) != "iar_noted" || RequestID(t.Context()) != "" {
		t.Errorf("the ids are %q and %q", RequestID(ctx), RequestID(t.Context()))
	}
}
