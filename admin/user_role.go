package admin

import (
	"context"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// ChangeRoles gives a user other roles: all of them, or within the bounds of a
// merchant those of that merchant. Nobody takes their own right to manage all
// users, so that nobody locks themselves out: KindStateConflict.
func (a *Admin) ChangeRoles(ctx context.Context, by By, id string, bounds UserBounds, grants []merchant.Grant) (merchant.User, error) {
	return a.changeRoles(ctx, by, id, bounds, grants, func(before []merchant.Grant) []merchant.Grant {
		others := slices.DeleteFunc(slices.Clone(before), func(g merchant.Grant) bool {
			return bounds.MerchantID == "" || g.MerchantID == bounds.MerchantID
		})
		return append(others, grants...)
	})
}

// AddRoles gives a user more roles; those that they have stay.
func (a *Admin) AddRoles(ctx context.Context, by By, id string, bounds UserBounds, grants []merchant.Grant) (merchant.User, error) {
	return a.changeRoles(ctx, by, id, bounds, grants, func(before []merchant.Grant) []merchant.Grant {
		return append(without(before, grants), grants...)
	})
}

// TakeRoles takes roles from a user; those that they have not are no error. The
// same is said of the last right as by ChangeRoles.
func (a *Admin) TakeRoles(ctx context.Context, by By, id string, bounds UserBounds, grants []merchant.Grant) (merchant.User, error) {
	return a.changeRoles(ctx, by, id, bounds, grants, func(before []merchant.Grant) []merchant.Grant {
		return without(before, grants)
	})
}

// without are the roles that are not among others.
func without(grants, others []merchant.Grant) []merchant.Grant {
	return slices.DeleteFunc(slices.Clone(grants), func(g merchant.Grant) bool { return slices.Contains(others, g) })
}

func (a *Admin) changeRoles(ctx context.Context, by By, id string, bounds UserBounds, named []merchant.Grant, change func([]merchant.Grant) []merchant.Grant) (merchant.User, error) {
	if err := by.check(); err != nil {
		return merchant.User{}, err
	}
	if err := checkGrants(named); err != nil {
		return merchant.User{}, err
	}
	if err := a.checkMerchants(ctx, bounds, named); err != nil {
		return merchant.User{}, err
	}
	return a.changeUser(ctx, by, id, bounds, "user.roles", func(u *merchant.User, r audit.Record) (audit.Record, error) {
		had := u.MayEverywhere(merchant.ScopeUser)
		r = r.With("before", grantText(u.Grants))
		u.Grants = change(u.Grants)
		if by.Actor == audit.ByUser(u.Email) && had && !u.MayEverywhere(merchant.ScopeUser) {
			return r, refund.Errorf(refund.KindStateConflict, "role", "nobody takes their own right to manage users; ask another admin")
		}
		return r.With("roles", grantText(u.Grants)), checkGrants(u.Grants)
	})
}
