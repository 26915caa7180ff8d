package admin

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Views keeps the lists that users have named. They are a user's own, and choose nothing
// for anybody else. An action without an actor leaves no record.
type Views interface {
	Views(ctx context.Context, userID, page string) ([]merchant.View, error)
	SaveView(ctx context.Context, v merchant.View, action refund.Action) error
	DropView(ctx context.Context, userID, page, name string, action refund.Action) error
}

// UserViews are the lists of refunds that a user has kept, by name. KindNotFound for a
// user outside of the bounds.
func (a *Admin) UserViews(ctx context.Context, userID string, bounds UserBounds) ([]merchant.View, error) {
	if _, err := a.UserWithin(ctx, userID, bounds); err != nil {
		return nil, err
	}
	return a.s.Store.Views(ctx, userID, merchant.ViewRefunds)
}

// SaveView keeps a list of refunds of a user under a name, in the place of one that has
// it; query are the parameters of the console's address. A user's own leaves no record,
// one that somebody keeps for them does. Errors: KindNotFound; KindInvalid with the
// member.
func (a *Admin) SaveView(ctx context.Context, by By, userID string, bounds UserBounds, name, query string) (merchant.View, error) {
	action, err := a.viewAction(ctx, by, "view.save", userID, bounds)
	if err != nil {
		return merchant.View{}, err
	}
	parsed, err := url.ParseQuery(query)
	if err != nil || strings.ContainsRune(query, 0) {
		return merchant.View{}, refund.Errorf(refund.KindInvalid, "query", "query can't be read as parameters of an address")
	}
	v := merchant.View{UserID: userID, Page: merchant.ViewRefunds, Name: name, Query: parsed.Encode(), CreatedAt: a.now()}
	if err := checkView(v); err != nil {
		return merchant.View{}, err
	}
	if err := a.s.Store.SaveView(ctx, v, action.With("name", name).With("query", v.Query)); err != nil {
		return merchant.View{}, err
	}
	a.viewDone(action)
	return v, nil
}

// DropView forgets a list of a user; one that is not there is no error.
func (a *Admin) DropView(ctx context.Context, by By, userID string, bounds UserBounds, name string) error {
	action, err := a.viewAction(ctx, by, "view.drop", userID, bounds)
	if err != nil {
		return err
	}
	if err := a.s.Store.DropView(ctx, userID, merchant.ViewRefunds, name, action.With("name", name)); err != nil {
		return err
	}
	a.viewDone(action)
	return nil
}

// viewAction is the record of who acts on a user's lists; its actor is nobody where that
// is the user.
func (a *Admin) viewAction(ctx context.Context, by By, verb, userID string, bounds UserBounds) (refund.Action, error) {
	action, err := a.record(by, bounds.MerchantID, verb, userID)
	if err != nil {
		return refund.Action{}, err
	}
	u, err := a.UserWithin(ctx, userID, bounds)
	if err != nil {
		return refund.Action{}, err
	}
	action.Write.Makes(userID)
	action.Object = u.Email
	if by.Actor == audit.ByUser(u.Email) {
		action.Actor = audit.Actor{}
	}
	return action, nil
}

// viewDone ends an action on a list.
func (a *Admin) viewDone(action refund.Action) {
	if action.Actor != (audit.Actor{}) {
		a.done(action.MerchantID)
	}
}

// checkView refuses a view that can't be kept: KindInvalid with the field at fault.
func checkView(v merchant.View) error {
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
