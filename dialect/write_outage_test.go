package dialect_test

import (
	"context"
	"errors"
	"testing"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// goneWrites is a database that is away as soon as something was done.
type goneWrites struct {
	dialect.Writes
	looks int
}

func (w *goneWrites) KeptWrite(context.Context, string, string) (refund.Write, bool, error) {
	if w.looks++; w.looks > 1 {
		return refund.Write{}, false, refund.Unavailable(refund.ErrUnavailable)
	}
	return refund.Write{}, false, nil
}

// That the key can't be looked up must not hide that the commit's result is
// unknown.
func TestAnUnknownCommitStaysUnknownWhereTheKeyCannotBeLookedUp(t *testing.T) {
	for name, test := range map[string]struct {
		failed error
		want   error
	}{
		"a commit whose result is unknown": {refund.ErrCommitUnknown, refund.ErrCommitUnknown},
		"a refusal":                        {refund.Errorf(refund.KindStateConflict, "", "x"), refund.ErrUnavailable},
	} {
		w := refund.Write{Key: "K"}
		err := dialect.Once(t.Context(), &goneWrites{}, &w, func(*refund.Write) error { return test.failed }, nil)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
