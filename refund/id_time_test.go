package refund_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestTheTimeInAnIDIsWhenItWasMade(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 123_999_999, time.UTC)
	for range 100 {
		got, ok := refund.IDTime(refund.NewID(at))
		if !ok || !got.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%v, %v", got, ok)
		}
	}
	for _, text := range []string{"", "evt_", refund.NewID(at) + "0", refund.NewID(at)[1:], strings.Repeat("-", 24), "0" + strings.Repeat("\x00", 23)} {
		if got, ok := refund.IDTime(text); ok {
			t.Errorf("%q was made at %v", text, got)
		}
	}
}
