package service

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ahead is a database whose clock is ahead by as much.
type ahead struct{ by time.Duration }

func (a *ahead) ClockOffset(context.Context) (time.Duration, error) { return a.by, nil }

func TestTheDatabasesClockCountsAndIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		database := &ahead{by: time.Second}
		c := clock{base: time.Now}
		if err := c.correct(t.Context(), database, logger); err != nil {
			t.Fatal(err)
		}
		if got := time.Until(c.now()); got != time.Second {
			t.Errorf("the clock is ahead by %s", got)
		}
		if log.Len() > 0 {
			t.Errorf("a second is no reason to worry: %s", &log)
		}
		ctx, stop := context.WithCancel(t.Context())
		go c.keep(ctx, database, logger)
		database.by = -time.Hour
		time.Sleep(clockInterval)
		synctest.Wait()
		if got := time.Until(c.now()); got != -time.Hour {
			t.Errorf("after %s the clock is ahead by %s", clockInterval, got)
		}
		if !strings.Contains(log.String(), "offset=-1h0m0s") {
			t.Errorf("an hour is not told of: %s", &log)
		}
		stop()
		synctest.Wait()
	})
}
