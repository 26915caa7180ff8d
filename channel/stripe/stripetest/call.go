package stripetest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keyLife is how long an idempotency key is known.
const keyLife = 24 * time.Hour

var ofCurrency = map[string]int64{"bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10, "isk": 100, "ugx": 100}

func (s *Server) answer(r *http.Request) answer {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if user, _, basic := r.BasicAuth(); basic {
		key, ok = user, true
	}
	switch {
	case !ok:
		return fault(http.StatusUnauthorized, "invalid_request_error", "", "You did not provide an API key.")
	case key != s.Key:
		return fault(http.StatusUnauthorized, "invalid_request_error", "", "Invalid API Key provided: "+key)
	case r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		return invalid("", "Invalid request: the body must be a form")
	}
	name, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch {
	case name == "refunds" && id == "" && r.Method == http.MethodPost:
		return s.create(r)
	case r.Method != http.MethodGet:
	case name == "refunds" && id == "":
		return s.list(r)
	case name == "refunds":
		return s.one(id)
	case name == "charges":
		return s.charge(id)
	case name == "payment_intents":
		return s.intent(id)
	case name == "balance":
		return object(http.StatusOK, map[string]any{"object": "balance", "livemode": s.Live, "available": []any{}, "pending": []any{}})
	}
	return fault(http.StatusNotFound, "invalid_request_error", "", "Unrecognized request URL")
}

// create keeps the rules of idempotency around a submit.
func (s *Server) create(r *http.Request) answer {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 255 {
		return invalid("", "the idempotency key is too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[key]; key != "" && known != nil && s.Now().Sub(known.at) < keyLife {
		switch {
		case known.form != r.PostForm.Encode():
			return fault(http.StatusBadRequest, "idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters they were first used with.")
		case known.running:
			return fault(http.StatusConflict, "idempotency_error", "idempotency_key_in_use", "There is currently another in-progress request using this Idempotent Key.")
		}
		return answer{status: known.status, body: known.body, header: map[string]string{"Idempotent-Replayed": "true", "Idempotency-Key": key}}
	}
	if wrong, ok := s.validate(r); !ok {
		return wrong // nothing of it is kept
	}
	a := s.execute(r)
	if key != "" {
		s.keys[key] = &kept{form: r.PostForm.Encode(), status: a.status, body: a.body, at: s.Now()}
	}
	return a
}

// Running says that a request with a key and these parameters is under way.
func (s *Server) Running(key string, form string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = &kept{form: form, at: s.Now(), running: true}
}

var parameter = regexp.MustCompile(`^(amount|charge|payment_intent|reason|metadata\[\w+\])$`)

func (s *Server) validate(r *http.Request) (answer, bool) {
	for name := range r.PostForm {
		if !parameter.MatchString(name) {
			return invalid("parameter_unknown", "Received unknown parameter: "+name), false
		}
	}
	amount, err := strconv.ParseInt(r.PostForm.Get("amount"), 10, 64)
	switch {
	case r.PostForm.Has("amount") && (err != nil || amount <= 0):
		return invalid("parameter_invalid_integer", "Invalid positive integer"), false
	case r.PostForm.Has("charge") == r.PostForm.Has("payment_intent"):
		return invalid("parameter_missing", "One of charge and payment_intent is needed"), false
	case r.PostForm.Has("reason") && !slices.Contains([]string{"duplicate", "fraudulent", "requested_by_customer"}, r.PostForm.Get("reason")):
		return invalid("", "Invalid reason"), false
	}
	return answer{}, true
}

// paid finds a payment by its charge or its intent.
func (s *Server) paid(charge, intent string) *Charge {
	for _, c := range s.charges {
		if charge != "" && c.ID == charge || intent != "" && c.Intent == intent {
			return c
		}
	}
	return nil
}

func missing(what, id string) answer {
	return fault(http.StatusNotFound, "invalid_request_error", "resource_missing", fmt.Sprintf("No such %s: '%s'", what, id))
}

func (s *Server) execute(r *http.Request) answer {
	form := r.PostForm
	c := s.paid(form.Get("charge"), form.Get("payment_intent"))
	if c == nil {
		return missing("charge", form.Get("charge")+form.Get("payment_intent"))
	}
	left := c.Captured - s.refunded(c.ID)
	amount := left
	if form.Has("amount") {
		amount, _ = strconv.ParseInt(form.Get("amount"), 10, 64)
	}
	switch step := ofCurrency[c.Currency]; {
	case c.Disputed:
		return invalid("charge_disputed", "Charge "+c.ID+" has been charged back; cannot issue a refund.")
	case left == 0:
		return invalid("charge_already_refunded", "Charge "+c.ID+" has already been refunded.")
	case amount > left:
		return invalid("", fmt.Sprintf("Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left))
	case step > 0 && amount%step != 0:
		return invalid("", "Invalid amount of this currency")
	case c.NoFunds:
		return invalid("balance_insufficient", "Insufficient funds in your Stripe balance to refund this amount.")
	}
	metadata := map[string]string{}
	for name, values := range form {
		if inner, ok := strings.CutPrefix(name, "metadata["); ok {
			metadata[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return object(http.StatusOK, s.Object(*s.make(c, amount, form.Get("reason"), metadata)))
}

func (s *Server) one(id string) answer {
	for _, r := range s.Refunds("") {
		if r.ID == id {
			return object(http.StatusOK, s.Object(r))
		}
	}
	return missing("refund", id)
}

func (s *Server) charge(id string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.paid(id, ""); c != nil {
		return object(http.StatusOK, s.chargeObject(c))
	}
	return missing("charge", id)
}

func (s *Server) intent(id string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.paid("", id); c != nil {
		return object(http.StatusOK, map[string]any{
			"id": id, "object": "payment_intent", "amount": c.Amount, "amount_received": c.Captured, "currency": c.Currency, "status": "succeeded",
			"livemode": s.Live, "latest_charge": s.chargeObject(c),
		})
	}
	return missing("payment_intent", id)
}

// list is the newest first, in pages.
func (s *Server) list(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	charge, intent := q.Get("charge"), q.Get("payment_intent")
	if charge+intent != "" && s.paid(charge, intent) == nil {
		return missing("charge", charge+intent)
	}
	limit := number(q.Get("limit"), 10)
	from, until := number(q.Get("created[gte]"), 0), number(q.Get("created[lt]"), 1<<40)
	if limit < 1 || limit > 100 {
		return invalid("parameter_invalid_integer", "limit must be from 1 to 100")
	}
	after, data, more := q.Get("starting_after"), []any{}, false
	started := after == ""
	for at := len(s.refunds) - 1; at >= 0; at-- {
		one := s.refunds[at]
		fits := (charge == "" || one.Charge == charge) && (intent == "" || one.Intent == intent) && one.Created >= from && one.Created < until
		switch {
		case !started:
			started = one.ID == after
		case !fits:
		case int64(len(data)) == limit:
			more = true
		default:
			data = append(data, s.Object(*one))
		}
	}
	if !started {
		return missing("refund", after)
	}
	return object(http.StatusOK, map[string]any{"object": "list", "url": "/v1/refunds", "has_more": more, "data": data})
}

func number(text string, absent int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return absent
	}
	return n
}
