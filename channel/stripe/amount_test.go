package stripe_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/channel/stripe"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestStripeCountsSomeCurrenciesInItsOwnUnits(t *testing.T) {
	for name, test := range map[string]struct {
		amount money.Amount
		want   int64 // 0: it can't be told
	}{
		"cents are cents":                                {money.Amount{Minor: 1099, Currency: "USD"}, 1099},
		"halalas are halalas":                            {money.Amount{Minor: 1099, Currency: "SAR"}, 1099},
		"yen have no decimals":                           {money.Amount{Minor: 500, Currency: "JPY"}, 500},
		"a krona has two zeros":                          {money.Amount{Minor: 5, Currency: "ISK"}, 500},
		"a Ugandan shilling has two zeros":               {money.Amount{Minor: 5, Currency: "UGX"}, 500},
		"forints have decimals but in payouts":           {money.Amount{Minor: 1045, Currency: "HUF"}, 1045},
		"Taiwan dollars have decimals but in payouts":    {money.Amount{Minor: 80045, Currency: "TWD"}, 80045},
		"an ariary has no decimals at Stripe":            {money.Amount{Minor: 500, Currency: "MGA"}, 5},
		"a part of an ariary can't be told":              {money.Amount{Minor: 520, Currency: "MGA"}, 0},
		"a fils of which the last digit is 0":            {money.Amount{Minor: 5120, Currency: "KWD"}, 5120},
		"a fils of which the last digit is not 0":        {money.Amount{Minor: 5124, Currency: "KWD"}, 0},
		"a Bahraini fils":                                {money.Amount{Minor: 5121, Currency: "BHD"}, 0},
		"an Omani baisa":                                 {money.Amount{Minor: 5121, Currency: "OMR"}, 0},
		"a Jordanian fils":                               {money.Amount{Minor: 5121, Currency: "JOD"}, 0},
		"a Tunisian millime":                             {money.Amount{Minor: 5121, Currency: "TND"}, 0},
		"a currency of three decimals that Stripe lacks": {money.Amount{Minor: 5120, Currency: "IQD"}, 0},
		"a currency of four decimals":                    {money.Amount{Minor: 5120, Currency: "CLF"}, 0},
		"a currency without decimals that Stripe lacks":  {money.Amount{Minor: 5, Currency: "UYI"}, 0},
		"a currency that there is not":                   {money.Amount{Minor: 5, Currency: "XXX"}, 0},
		"more than fits":                                 {money.Amount{Minor: math.MaxInt64 / 2, Currency: "ISK"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := stripe.ToStripe(test.amount)
			if got != test.want || (why == "") != (test.want != 0) {
				t.Errorf("%+v is %d, %q; want %d", test.amount, got, why, test.want)
			}
			if test.want == 0 {
				return
			}
			if back, ok := stripe.FromStripe(got, string(test.amount.Currency)); !ok || back != test.amount {
				t.Errorf("read back it is %+v, %v", back, ok)
			}
		})
	}
	t.Run("what can be told is read back", rapid.MakeCheck(func(t *rapid.T) {
		currency := money.Currency(rapid.SampledFrom([]string{"USD", "ISK", "UGX", "MGA", "KWD", "JPY", "TND", "KRW", "CNY"}).Draw(t, "currency"))
		amount := money.Amount{Minor: money.Minor(rapid.Int64Range(1, 1e15).Draw(t, "amount")), Currency: currency}
		told, why := stripe.ToStripe(amount)
		if back, ok := stripe.FromStripe(told, string(currency)); why == "" && (!ok || back != amount) {
			t.Errorf("%+v is told as %d and read as %+v, %v", amount, told, back, ok)
		}
	}))
	t.Run("what Stripe can't mean is not read", func(t *testing.T) {
		for _, one := range []struct {
			amount   int64
			currency string
		}{{-1, "usd"}, {501, "isk"}, {1, "iqd"}, {1, "xxx"}, {math.MaxInt64, "mga"}} {
			if got, ok := stripe.FromStripe(one.amount, one.currency); ok {
				t.Errorf("%d %s is read as %+v", one.amount, one.currency, got)
			}
		}
	})
}

func TestAnAmountThatStripeDoesNotTakeIsRefusedAndNothingIsSent(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{Amount: 50000, Currency: "kwd"})
	i.Amount.Minor = 1234
	o := s.connector.Submit(t.Context(), i)
	if o.Kind != refund.OutcomeRefused || o.Code != "AMOUNT" || len(s.Requests()) != 0 {
		t.Errorf("outcome %+v, %d requests", o, len(s.Requests()))
	}
	i.Amount.Minor = 1230
	if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeDone || *o.Amount != 1230 {
		t.Errorf("outcome %+v", o)
	}
}
