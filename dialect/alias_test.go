package dialect_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

var identities = []merchant.Identity{
	{Dialect: merchant.PingPP, Name: "app_1"},
	{Dialect: merchant.Wallet, Name: "wallet_1"},
	{Dialect: merchant.WeChatPay, Name: "1900000100", Sub: "1900000109"},
	{Dialect: merchant.Payin, Name: "M948164"},
}

// paidAt is past midnight in Riyadh, and the day before in UTC.
var paidAt = time.Date(2026, 11, 22, 21, 30, 0, 0, time.UTC)

func charge(id, orderNo string) refund.Charge {
	return refund.Charge{ID: "ch_" + id, OrderNo: orderNo, PaidAt: paidAt}
}

func TestAMadeUpNameHasItsDialectsShape(t *testing.T) {
	const id = "0VbvvQ4eiDX2GdsDHlN8mAnE"
	filled := dialect.FillAliases(service.Dialects(), charge(id, "T1"), identities)
	for name, want := range map[string]string{
		merchant.PingPP:    `ch_` + id,
		merchant.Wallet:    `ch_` + id,
		merchant.WeChatPay: id, // T1 is shorter than WeChat's order numbers are
		merchant.Payin:     `M948164T20261123([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9][0-9]{3}[0-9]{5}`,
	} {
		alias, has := filled.Alias(name)
		if !has || !regexp.MustCompile("^"+want+"$").MatchString(alias.Name) {
			t.Errorf("%s: %q, want the form %s", name, alias.Name, want)
		}
		if !alias.MadeUp {
			t.Errorf("%s: is not marked as made up", name)
		}
	}
	if alias, _ := filled.Alias(merchant.WeChatPay); alias.Identity != "1900000100" || alias.Sub != "1900000109" {
		t.Errorf("WeChat's identity is %s with %s", alias.Identity, alias.Sub)
	}
}

func TestWeChatsNameIsTheOrderNumberWhereItHasTheForm(t *testing.T) {
	const id = "0VbvvQ4eiDX2GdsDHlN8mAnE"
	for orderNo, fits := range map[string]bool{
		"T1":                                false,
		"123456":                            true,
		"12345":                             false,
		"a-b_c*d|e@f":                       true,
		"12345678901234567890123456789012":  true,
		"123456789012345678901234567890123": false,
		"1234 56":                           false,
		"1234/56":                           false,
		"订单号码一二三":                           false,
	} {
		want := id
		if fits {
			want = orderNo
		}
		if alias, _ := dialect.FillAliases(service.Dialects(), charge(id, orderNo), identities).Alias(merchant.WeChatPay); alias.Name != want {
			t.Errorf("order number %q: named %q", orderNo, alias.Name)
		}
	}
}

func TestFillingLeavesNamesThatAreThere(t *testing.T) {
	c := charge("0VbvvQ4eiDX2GdsDHlN8mAnE", "T1")
	own := refund.Alias{Dialect: merchant.Payin, Identity: "M948164", Name: "mine"}
	c.Aliases = append(make([]refund.Alias, 0, 8), own)
	filled := dialect.FillAliases(service.Dialects(), c, identities)
	if got, _ := filled.Alias(merchant.Payin); got != own || len(filled.Aliases) != len(identities) {
		t.Errorf("the names are %v", filled.Aliases)
	}
	if len(c.Aliases) != 1 || c.Aliases[:2][1].Dialect != "" {
		t.Error("the caller's charge has grown")
	}
	if none := dialect.FillAliases(service.Dialects(), charge("x", "T1"), nil); len(none.Aliases) != 0 {
		t.Errorf("a merchant without identities got %v", none.Aliases)
	}
}

func TestMadeUpNamesAreTheSameForTheSameChargeAndDifferentForOthers(t *testing.T) {
	const many = 20_000 // of the same second, as in an import
	seen := make(map[string]map[string]bool)
	for n := range many {
		c := charge(fmt.Sprintf("%024d", n), "T1")
		filled := dialect.FillAliases(service.Dialects(), c, identities)
		if n < 10 {
			if diff := cmp.Diff(filled, dialect.FillAliases(service.Dialects(), c, identities)); diff != "" {
				t.Errorf("the second time another: %s", diff)
			}
		}
		for _, alias := range filled.Aliases {
			if seen[alias.Dialect] == nil {
				seen[alias.Dialect] = make(map[string]bool)
			}
			seen[alias.Dialect][alias.Name] = true
		}
	}
	for name, names := range seen {
		if len(names) != many {
			t.Errorf("%s: %d of %d names are different", name, len(names), many)
		}
	}
}
