package wechatpay_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// shown is one refund of a vector: what is asked for, and payer_refund,
// discount_refund, settlement_refund, refund_fee ("-" where the fee is not
// known) and each coupon's refund_amount as the answer shows them.
type shown struct {
	amount int
	want   string
	goods  string
}

// The vectors of W4.3-1 over HTTP: the arithmetic is the core's and tested
// there; here it is held that each number stands in its own member, that the
// order's totals are the order's, and that a coupon of which nothing goes back
// is left out.
func TestTheVectorsInTheAnswersMembers(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	cash := func(amount money.Minor) refund.Coupon {
		return refund.Coupon{Scope: refund.ScopeOrder, Type: refund.TypeFunded, Amount: amount}
	}
	noCash := func(amount money.Minor) refund.Coupon {
		return refund.Coupon{Scope: refund.ScopeOrder, Type: refund.TypeUnfunded, Amount: amount}
	}
	ofA := refund.Coupon{Scope: refund.ScopeGoods, Type: refund.TypeFunded, Amount: 200, Goods: []refund.CouponGoods{{MerchantGoodsID: "A", Quantity: 1, Discount: 200}}}
	goods := func(id string) string {
		return `"goods_detail":[{"merchant_goods_id":"` + id + `","unit_price":1,"refund_amount":1,"refund_quantity":1}],`
	}
	times := func(n int, one shown) []shown { return slices.Repeat([]shown{one}, n) }
	const unknown = -1
	for _, test := range []struct {
		name              string
		total             money.Minor
		coupons           []refund.Coupon
		fee               money.Minor
		payer, settlement string // payer_total and settlement_total
		refunds           []shown
	}{
		{"1", 1000, []refund.Coupon{cash(200)}, unknown, "800", "1000", []shown{{500, "400 100 500 - [100]", ""}}},
		{"2", 1000, []refund.Coupon{noCash(100), cash(100)}, unknown, "800", "900", []shown{{500, "400 100 450 - [50 50]", ""}}},
		{"3", 10000, nil, 60, "10000", "10000", []shown{{5000, "5000 0 5000 30 []", ""}}},
		{"4", 1000, []refund.Coupon{cash(300)}, unknown, "700", "1000", []shown{{1000, "700 300 1000 - [300]", ""}}},
		{"5", 1000, []refund.Coupon{cash(300)}, unknown, "700", "1000", []shown{{900, "630 270 900 - [270]", ""}, {100, "70 30 100 - [30]", ""}}},
		{"6", 10000, []refund.Coupon{cash(1000)}, unknown, "9000", "10000", []shown{{5000, "4500 500 5000 - [500]", ""}}},
		{"7", 10000, []refund.Coupon{ofA}, unknown, "9800", "10000", []shown{{1000, "800 200 1000 - [200]", goods("A")}, {9000, "9000 0 9000 - []", goods("B")}}},
		{"7 without goods, as if of the whole order", 10000, []refund.Coupon{ofA}, unknown, "9800", "10000", []shown{{5000, "4900 100 5000 - [100]", ""}, {5000, "4900 100 5000 - [100]", ""}}},
		{"8", 10000, []refund.Coupon{ofA, cash(1000)}, unknown, "8800", "10000", []shown{{1000, "718 282 1000 - [200 82]", goods("A")}, {9000, "8082 918 9000 - [918]", goods("B")}}},
		{"9", 3, []refund.Coupon{noCash(1)}, unknown, "2", "2", []shown{{1, "1 0 1 - []", ""}, {1, "1 0 1 - []", ""}, {1, "0 1 0 - [1]", ""}}},
		{"10", 100, []refund.Coupon{cash(50)}, unknown, "50", "100", []shown{{33, "17 16 33 - [16]", ""}, {33, "17 16 33 - [16]", ""}, {34, "16 18 34 - [18]", ""}}},
		{"11", 999, []refund.Coupon{noCash(100), cash(77), noCash(33)}, 5, "789", "866", []shown{
			{333, "263 70 289 2 [33 26 11]", ""}, {333, "263 70 289 2 [33 26 11]", ""}, {333, "263 70 288 1 [34 25 11]", ""},
		}},
		{"12", 1000, nil, 5, "1000", "1000", []shown{{333, "333 0 333 2 []", ""}, {333, "333 0 333 2 []", ""}, {334, "334 0 334 1 []", ""}}},
		{"13", 100000, []refund.Coupon{noCash(33333)}, 600, "66667", "66667", []shown{{1, "1 0 1 0 []", ""}, {99999, "66666 33333 66666 600 [33333]", ""}}},
		{"14", 888, []refund.Coupon{noCash(111), noCash(111)}, 5, "666", "666", []shown{
			{100, "75 25 75 1 [13 12]", ""}, {700, "525 175 525 4 [88 87]", ""}, {88, "66 22 66 0 [10 12]", ""},
		}},
		{"15", 10, []refund.Coupon{noCash(1), cash(1)}, 1, "8", "9", append(times(8, shown{1, "1 0 1 0 []", ""}), shown{1, "0 1 0 0 [1]", ""}, shown{1, "0 1 1 1 [1]", ""})},
		{"17", 7, []refund.Coupon{noCash(3)}, 1, "4", "4", []shown{{2, "1 1 1 0 [1]", ""}, {2, "1 1 1 0 [1]", ""}, {2, "1 1 1 0 [1]", ""}, {1, "1 0 1 1 []", ""}}},
		{"18", 1000, []refund.Coupon{cash(999)}, unknown, "1", "1000", []shown{{1, "0 1 1 - [1]", ""}, {999, "1 998 999 - [998]", ""}}},
		{"19", 1000, []refund.Coupon{cash(1000)}, unknown, "0", "1000", []shown{{400, "0 400 400 - [400]", ""}, {600, "0 600 600 - [600]", ""}}},
		{"20", 1, nil, 0, "1", "1", []shown{{1, "1 0 1 0 []", ""}}},
	} {
		t.Run("vector "+test.name, func(t *testing.T) {
			number, _, _ := strings.Cut(test.name, " ")
			if number != test.name {
				number += "b"
			}
			charge := s.Charge(t, merchant.DemoID, test.total, func(r *refund.Charge) {
				r.OrderNo, r.Detail.Coupons = "VECTOR-"+number, slices.Clone(test.coupons)
				for n := range r.Detail.Coupons {
					r.Detail.Coupons[n].ID = fmt.Sprint("c", n)
				}
				if test.fee != unknown {
					r.Fee = &test.fee
				}
				r.Detail.Goods = []refund.Goods{{MerchantGoodsID: "A", UnitPrice: 1000, Quantity: 1}, {MerchantGoodsID: "B", UnitPrice: 9000, Quantity: 1}}
			})
			for n, one := range test.refunds {
				body := fmt.Sprintf(`{%s"transaction_id":%q,"out_refund_no":"V%s-%d","amount":{"refund":%d,"total":%d,"currency":"CNY"}}`,
					one.goods, charge.TransactionID, number, n, one.amount, test.total)
				answer := decoded(t, c.post(t, refundPath, body, 200))
				amount := answer["amount"].(map[string]any)
				fee, known := amount["refund_fee"]
				if !known {
					fee = "-"
				}
				var coupons []string
				list, _ := answer["promotion_detail"].([]any)
				for _, coupon := range list {
					coupons = append(coupons, fmt.Sprint(coupon.(map[string]any)["refund_amount"]))
				}
				got := fmt.Sprintf("%v %v %v %v [%s]", amount["payer_refund"], amount["discount_refund"], amount["settlement_refund"], fee, strings.Join(coupons, " "))
				if got != one.want {
					t.Errorf("refund %d: %s, want %s", n+1, got, one.want)
				}
				totals := fmt.Sprint(amount["total"], " ", amount["payer_total"], " ", amount["settlement_total"])
				if want := fmt.Sprint(int64(test.total), " ", test.payer, " ", test.settlement); totals != want {
					t.Errorf("refund %d: the order's totals are %s, want %s", n+1, totals, want)
				}
			}
		})
	}
}
