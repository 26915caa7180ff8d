package admin

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Views keeps the lists that users have named. They are a user's own, choose nothing for
// anybody else, and leave no audit record.
type Views interface {
	Views(ctx context.Context, userID, page string) ([]merchant.View, error)
	SaveView(ctx context.Context, v merchant.View) error
	DropView(ctx context.Context, userID, page, name string) error
}

// CheckView refuses a view that can't be kept: KindInvalid with the field at fault.
func CheckView(v merchant.View) error {
	switch {
	case strings.TrimSpace(v.Name) == "":
		return refund.Errorf(refund.KindInvalid, "name", "name must not be empty")
	case utf8.RuneCountInString(v.Name) > merchant.MaxViewName || strings.ContainsFunc(v.Name, func(r rune) bool { return r < ' ' }):
		return refund.Errorf(refund.KindInvalid, "name", "name has at most %d visible characters", merchant.MaxViewName)
	case len(v.Query) > merchant.MaxViewQuery:
		return refund.Errorf(refund.KindInvalid, "query", "the list has too many filters to be kept")
	}
	return nil
}
