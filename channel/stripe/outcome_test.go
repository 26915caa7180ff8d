package stripe_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/stripe"
	"github.com/refundry/refundry/channel/stripe/stripetest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// fixed is a connector whose every call gets the same answer.
func fixed(t *testing.T, status int, header map[string]string, body string) channel.Connector {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	connector, err := stripe.New(stripe.Options{EgressAllow: loopback}).Open(channel.Account{
		ID: "stripe_1", Mode: merchant.Test, Settings: map[string]string{"base_url": server.URL}, Secrets: map[string]string{"secret_key": testKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

func faultBody(kind, code, message string) string {
	body, err := json.Marshal(map[string]any{"error": map[string]string{"type": kind, "code": code, "message": message}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// words are what an error means to a submit and to a question by Stripe's own id.
type words struct{ submit, query refund.OutcomeKind }

var (
	isRefused = words{refund.OutcomeRefused, refund.OutcomeUnknown}
	isNotNow  = words{refund.OutcomeTryLater, refund.OutcomeTryLater}
	isUnknown = words{refund.OutcomeUnknown, refund.OutcomeUnknown}
)

func TestEachCodeOfTheOutcomeTable(t *testing.T) {
	rows := map[string]struct {
		status int
		want   words
	}{
		"charge_already_refunded":                     {400, isRefused},
		"charge_disputed":                             {400, isRefused},
		"refund_disputed_payment":                     {400, isRefused},
		"charge_not_refundable":                       {400, isRefused},
		"amount_too_large":                            {400, isRefused},
		"amount_too_small":                            {400, isRefused},
		"invalid_charge_amount":                       {400, isRefused},
		"invalid_charge_amount_no_decimal_compatible": {400, isRefused},
		"payment_intent_unexpected_state":             {400, isRefused},
		"livemode_mismatch":                           {400, isRefused},
		"parameter_invalid_empty":                     {400, isRefused},
		"parameter_invalid_integer":                   {400, isRefused},
		"parameter_invalid_string_blank":              {400, isRefused},
		"parameter_invalid_string_empty":              {400, isRefused},
		"parameter_missing":                           {400, isRefused},
		"parameter_unknown":                           {400, isRefused},
		"parameters_exclusive":                        {400, isRefused},
		"resource_missing":                            {404, words{refund.OutcomeRefused, refund.OutcomeNotFound}},
		"balance_insufficient":                        {400, words{refund.OutcomeShortOfFunds, refund.OutcomeUnknown}},
		"rate_limit":                                  {429, isNotNow},
		"lock_timeout":                                {429, isNotNow},
		"api_key_expired":                             {401, isNotNow},
		"platform_api_key_expired":                    {401, isNotNow},
		"secret_key_required":                         {401, isNotNow},
		"account_invalid":                             {403, isNotNow},
		"idempotency_key_in_use":                      {409, isUnknown},
	}
	for _, code := range stripe.Codes() {
		if _, ok := rows[code]; !ok {
			t.Errorf("nothing holds the table's row %s", code)
		}
	}
	if len(rows) != len(stripe.Codes()) {
		t.Errorf("%d rows, the table has %d", len(rows), len(stripe.Codes()))
	}
	for code, row := range rows {
		t.Run(code, func(t *testing.T) {
			checkWords(t, fixed(t, row.status, nil, faultBody("invalid_request_error", code, "so it is")), row.want, code)
		})
		t.Run(code+" with 500", func(t *testing.T) {
			checkWords(t, fixed(t, 500, nil, faultBody("api_error", code, "so it is")), isUnknown, code)
		})
	}
}

// checkWords submits, and asks by Stripe's id.
func checkWords(t *testing.T, connector channel.Connector, want words, code string) {
	t.Helper()
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	if o := connector.Submit(t.Context(), i); o.Kind != want.submit || code != "" && o.Code != code || o.Sent.Digest == "" {
		t.Errorf("submitted it is %+v, want %s", o, want.submit)
	}
	i.ChannelRefundID = "re_3Test1"
	if o := connector.Query(t.Context(), i); o.Kind != want.query {
		t.Errorf("asked it is %+v, want %s", o, want.query)
	}
}

func TestAKeyThatStripeRefusesIsToldToTheOperatorAndTooManyCallsAreNot(t *testing.T) {
	for code, test := range map[string]struct {
		status int
		told   bool
	}{
		"api_key_expired": {401, true}, "account_invalid": {403, true}, "": {401, true},
		"rate_limit": {429, false}, "lock_timeout": {429, false}, "charge_disputed": {400, false},
	} {
		connector := fixed(t, test.status, nil, faultBody("invalid_request_error", code, "so it is"))
		i := newShop(t).instruction(stripetest.Charge{})
		submitted, asked := connector.Submit(t.Context(), i), connector.Query(t.Context(), i)
		if (submitted.Alert != "") != test.told || (asked.Alert != "") != test.told || strings.Contains(submitted.Alert, testKey) {
			t.Errorf("%d %q: an operator is told %q and %q", test.status, code, submitted.Alert, asked.Alert)
		}
	}
}

func TestEachAnswerWithoutACodeOfTheTable(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   words
	}{
		"more than is left, which has no code":      {400, faultBody("invalid_request_error", "", "Refund amount ($5.00) is greater than unrefunded amount on charge ($1.00)"), isRefused},
		"a key with other parameters":               {400, faultBody("idempotency_error", "", "Keys can only be used with the same parameters"), isUnknown},
		"a key in use, by its type too":             {409, faultBody("idempotency_error", "idempotency_key_in_use", ""), isUnknown},
		"a code that is not documented for refunds": {400, faultBody("invalid_request_error", "new_code", ""), isUnknown},
		"a declined card":                           {402, faultBody("card_error", "card_declined", ""), isUnknown},
		"a type that is not known":                  {400, faultBody("new_error", "", ""), isUnknown},
		"no such key":                               {401, faultBody("invalid_request_error", "", "Invalid API Key provided"), isNotNow},
		"a key without the permission":              {403, faultBody("invalid_request_error", "", "does not have the required permissions"), isNotNow},
		"too many requests":                         {429, faultBody("invalid_request_error", "", ""), isNotNow},
		"429 that is not Stripe's":                  {429, "slow down", isUnknown},
		"404 without a code":                        {404, faultBody("invalid_request_error", "", "Unrecognized request URL"), isUnknown},
		"409 without a code":                        {409, faultBody("invalid_request_error", "", ""), isUnknown},
		"500":                                       {500, faultBody("api_error", "", ""), isUnknown},
		"502 of a proxy":                            {502, "<html>bad gateway</html>", isUnknown},
		"503":                                       {503, faultBody("invalid_request_error", "charge_disputed", ""), isUnknown},
		"201":                                       {201, `{"object": "refund"}`, isUnknown},
		"202":                                       {202, `{}`, isUnknown},
		"a redirect":                                {302, ``, isUnknown},
		"200 with an empty object":                  {200, `{}`, isUnknown},
		"200 with no JSON":                          {200, `ok`, isUnknown},
		"200 with null":                             {200, `null`, isUnknown},
		"200 with an error in it":                   {200, faultBody("invalid_request_error", "charge_disputed", ""), isUnknown},
		"400 with half an error":                    {400, `{"error": {"type": "invalid_request_error", "co`, isUnknown},
		"more than an answer can have":              {400, `{"error": {"type": "invalid_request_error", "message": "` + strings.Repeat("x", 3<<20) + `"}}`, isUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			checkWords(t, fixed(t, test.status, map[string]string{"Location": "https://elsewhere.example/"}, test.body), test.want, "")
		})
	}
}

func TestStripeIsAskedToWaitAsLongAsItSays(t *testing.T) {
	s := newShop(t)
	o := fixed(t, 429, map[string]string{"Retry-After": "7"}, faultBody("invalid_request_error", "rate_limit", "")).Submit(t.Context(), s.instruction(stripetest.Charge{}))
	if o.RetryAfter.Seconds() != 7 || !o.Throttled {
		t.Errorf("outcome %+v", o)
	}
}

// A lock that was not had says nothing of how often the account is called.
func TestALockedChargeThrottlesNobody(t *testing.T) {
	s := newShop(t)
	for _, code := range []string{"lock_timeout", "charge_disputed"} {
		if o := fixed(t, 429, nil, faultBody("invalid_request_error", code, "")).Submit(t.Context(), s.instruction(stripetest.Charge{})); o.Throttled != (code != "lock_timeout") {
			t.Errorf("%s: outcome %+v", code, o)
		}
	}
}

func TestEachStatusOfARefund(t *testing.T) {
	rows := map[string]refund.OutcomeKind{
		"succeeded": refund.OutcomeDone, "pending": refund.OutcomeAccepted, "requires_action": refund.OutcomeAccepted,
		"failed": refund.OutcomeFailed, "canceled": refund.OutcomeFailed,
	}
	for _, status := range stripe.Statuses() {
		if _, ok := rows[status]; !ok {
			t.Errorf("nothing holds the status %s", status)
		}
	}
	rows["reversed"] = refund.OutcomeUnknown
	for status, want := range rows {
		t.Run(status, func(t *testing.T) {
			s := newShop(t)
			i := s.instruction(stripetest.Charge{Amount: 5000, Currency: "sar", Starts: status})
			submitted := s.connector.Submit(t.Context(), i)
			listed := s.connector.Query(t.Context(), i)
			i.ChannelRefundID = s.Refunds("")[0].ID
			byID := s.connector.Query(t.Context(), i)
			for call, o := range map[string]refund.Outcome{"submitted": submitted, "listed": listed, "asked by its id": byID} {
				if o.Kind != want {
					t.Errorf("%s it is %+v, want %s", call, o, want)
				}
				if o.Kind != refund.OutcomeUnknown && (o.ChannelRefundID != i.ChannelRefundID || *o.Amount != 1000) {
					t.Errorf("%s it is %+v", call, o)
				}
				if o.Kind != refund.OutcomeDone && o.Code == "" {
					t.Errorf("%s nothing says why: %+v", call, o)
				}
			}
		})
	}
}

func TestAnAnswerAboutAnotherRefundSaysNothing(t *testing.T) {
	for name, change := range map[string]func(r *stripetest.Refund){
		"of another payment":            func(r *stripetest.Refund) { r.Charge, r.Intent = "ch_other", "pi_other" },
		"in another currency":           func(r *stripetest.Refund) { r.Currency = "usd" },
		"in a currency that is unknown": func(r *stripetest.Refund) { r.Currency = "xxx" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			i := s.instruction(stripetest.Charge{})
			i.ChannelRefundID = s.connector.Submit(t.Context(), i).ChannelRefundID
			s.End(i.ChannelRefundID, change)
			if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeUnknown {
				t.Errorf("outcome %+v", o)
			}
		})
	}
	t.Run("of another number", func(t *testing.T) {
		s := newShop(t)
		i := s.instruction(stripetest.Charge{})
		s.connector.Submit(t.Context(), i)
		object, err := json.Marshal(s.Object(s.Refunds("")[0]))
		if err != nil {
			t.Fatal(err)
		}
		other := i
		other.RefundID = "re_000000000000000000000000"
		other.Number = "000000000000000000000000"
		if o := fixed(t, 200, nil, string(object)).Submit(t.Context(), other); o.Kind != refund.OutcomeUnknown || o.Code != "OTHER_REFUND" {
			t.Errorf("outcome %+v", o)
		}
	})
	t.Run("of another amount, which the engine does not believe", func(t *testing.T) {
		s := newShop(t)
		i := s.instruction(stripetest.Charge{})
		i.ChannelRefundID = s.connector.Submit(t.Context(), i).ChannelRefundID
		s.End(i.ChannelRefundID, func(r *stripetest.Refund) { r.Amount = 999 })
		if o := s.connector.Query(t.Context(), i); o.Amount == nil || *o.Amount != 999 {
			t.Errorf("outcome %+v", o)
		}
	})
}

func TestAPendingRefundSaysWhatItWaitsFor(t *testing.T) {
	for reason, want := range map[string]string{
		"insufficient_funds": "waits at Stripe for funds", "processing": "pending: processing", "charge_pending": "pending: charge_pending",
	} {
		s := newShop(t)
		i := s.instruction(stripetest.Charge{Amount: 5000, Currency: "sar", Starts: "pending", Pending: reason})
		// It exists at Stripe: being short of funds would say that nothing was created.
		if o := s.connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted || !strings.Contains(o.Message, want) {
			t.Errorf("%s: outcome %+v", reason, o)
		}
	}
}

func TestAFailedRefundSaysWhy(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	i.ChannelRefundID = s.connector.Submit(t.Context(), i).ChannelRefundID
	s.End(i.ChannelRefundID, func(r *stripetest.Refund) { r.Status, r.FailureReason = "failed", "expired_or_canceled_card" })
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeFailed || o.Code != "expired_or_canceled_card" {
		t.Errorf("outcome %+v", o)
	}
}

func TestMoneyToTheBalanceOfACustomerLandedThere(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	i.ChannelRefundID = s.connector.Submit(t.Context(), i).ChannelRefundID
	s.End(i.ChannelRefundID, func(r *stripetest.Refund) {
		r.Destination = map[string]any{"type": "customer_cash_balance", "customer_cash_balance": map[string]any{}}
	})
	if o := s.connector.Query(t.Context(), i); o.Kind != refund.OutcomeDone || o.Landed.Way != refund.WayBalance {
		t.Errorf("outcome %+v", o)
	}
}

func TestNoSecretIsShown(t *testing.T) {
	s := newShop(t)
	i := s.instruction(stripetest.Charge{})
	var shown []string
	for _, connector := range []channel.Connector{
		fixed(t, 401, nil, faultBody("invalid_request_error", "", "Invalid API Key provided: "+testKey)),
		fixed(t, 200, nil, `{"key": "`+testKey+`"`),
		s.connector,
	} {
		shown = append(shown, connector.Submit(t.Context(), i).Message, connector.Query(t.Context(), i).Message)
		_, err := connector.List(t.Context(), channel.PaymentRef{TransactionID: i.TransactionID})
		if err != nil {
			shown = append(shown, err.Error())
		}
		for _, one := range connector.Check(t.Context()) {
			if one.Err != nil {
				shown = append(shown, one.Err.Error())
			}
		}
	}
	if len(shown) < 8 || slices.ContainsFunc(shown, func(text string) bool {
		return strings.Contains(text, testKey) || strings.Contains(text, webhookSecret)
	}) {
		t.Errorf("shown %q", shown)
	}
}
