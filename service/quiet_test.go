package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/refundry/refundry/refund"
)

func TestWhatAnOutageMakesFailIsForDebugging(t *testing.T) {
	unknown := refund.Unavailable(refund.ErrUnavailable)
	unknown.Kind = refund.KindUnknownOutcome
	for name, test := range map[string]struct {
		err         error
		down, quiet bool
	}{
		"what an outage made fail":               {fmt.Errorf("look: %w", refund.Unavailable(refund.ErrUnavailable)), true, true},
		"the same when it is over":               {refund.ErrUnavailable, false, true},
		"an outcome that it left unknown":        {unknown, true, false},
		"no answer in time during an outage":     {fmt.Errorf("look: %w", context.DeadlineExceeded), true, true},
		"no answer in time":                      {context.DeadlineExceeded, false, false},
		"a commit whose result is unknown":       {refund.ErrCommitUnknown, true, false},
		"a fault that has nothing to do with it": {errors.New("a bug"), true, false},
	} {
		var text bytes.Buffer
		log := slog.New(quietHandler{slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}), func() bool { return test.down }})
		log.With("part", "x").Error("failed", "error", test.err)
		if quiet := strings.Contains(text.String(), "level=DEBUG"); quiet != test.quiet || text.Len() == 0 {
			t.Errorf("%s: %s", name, text.String())
		}
	}
}
