package channelsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/refundry/refundry/money"
)

// control answers the calls below /sim/. They need no key: the simulator holds no
// money and listens on a loopback address.
func (s *Simulator) control(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*http.Request) (any, error){
		"POST /sim/payments":         s.postPayment,
		"GET /sim/books":             s.getBooks,
		"POST /sim/refunds/{number}": s.postRefund,
		"POST /sim/foreign":          s.postForeign,
		"POST /sim/disputes":         s.postDispute,
		"POST /sim/faults":           s.postFault,
		"DELETE /sim/faults":         func(*http.Request) (any, error) { s.EndFaults(); return struct{}{}, nil },
		"GET /sim/faults":            func(*http.Request) (any, error) { return list{s.Hits()}, nil },
		"POST /sim/clock":            s.postClock,
		"POST /sim/notify":           s.postNotify,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := do(r)
			if err != nil {
				status := http.StatusBadRequest
				if errors.Is(err, errNotFound) {
					status = http.StatusNotFound
				}
				problem(w, status, err)
				return
			}
			write(w, http.StatusOK, answer)
		})
	}
	mux.HandleFunc("GET /sim/bill", s.getBill)
	mux.ServeHTTP(w, r)
}

// list is how the control calls answer with lists.
type list struct {
	Data any `json:"data"`
}

var errNotFound = errors.New("not found")

func write(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content)
}

func problem(w http.ResponseWriter, status int, err error) {
	write(w, status, map[string]string{"error": err.Error()})
}

func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read the body: more than one value")
	}
	return nil
}

func (s *Simulator) postPayment(r *http.Request) (any, error) {
	var in struct {
		Channel       string            `json:"channel"`
		Number        string            `json:"number"`
		TransactionID string            `json:"transaction_id"`
		Amount        money.Minor       `json:"amount"`
		Currency      string            `json:"currency"`
		Coupons       []Coupon          `json:"coupons"`
		PaidAt        time.Time         `json:"paid_at"`
		Attributes    map[string]string `json:"attributes"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	currency, err := money.ParseCurrency(in.Currency)
	if err != nil {
		return nil, fmt.Errorf("currency: %w", err)
	}
	id, err := s.AddPayment(Payment{
		Channel: in.Channel, TransactionID: in.TransactionID, Number: in.Number, Amount: in.Amount, Currency: currency, Coupons: in.Coupons, PaidAt: in.PaidAt, Attributes: in.Attributes,
	})
	return map[string]string{"transaction_id": id}, err
}

func (s *Simulator) getBooks(r *http.Request) (any, error) {
	channel := r.URL.Query().Get("channel")
	if channel != "" && s.sides[channel] == nil {
		return nil, fmt.Errorf("unknown channel %q", channel)
	}
	return list{s.Books(channel)}, nil
}

// postRefund decides a refund by hand. The number is the merchant's or the channel's.
func (s *Simulator) postRefund(r *http.Request) (any, error) {
	var in struct {
		Channel string `json:"channel"`
		State   State  `json:"state"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	switch in.State {
	case Succeeded, Failed, Abnormal, Returned:
	default:
		return nil, fmt.Errorf("unknown state %q (hint: succeeded, failed, abnormal or returned)", in.State)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due()
	number := r.PathValue("number")
	for _, name := range s.names() {
		books := s.books[name]
		found := books.Refund(number)
		if found == nil {
			found = books.RefundByID(number)
		}
		if found == nil || in.Channel != "" && in.Channel != name {
			continue
		}
		if !books.Decide(found, in.State) {
			return nil, fmt.Errorf("the refund is %s and can't become %s", found.State, in.State)
		}
		return map[string]State{"state": found.State}, nil
	}
	return nil, fmt.Errorf("refund %s: %w", number, errNotFound)
}

// postForeign makes a refund as if in the channel's own console.
func (s *Simulator) postForeign(r *http.Request) (any, error) {
	var in struct {
		Channel       string      `json:"channel"`
		TransactionID string      `json:"transaction_id"`
		OrderNo       string      `json:"order_no"`
		Number        string      `json:"number"`
		Amount        money.Minor `json:"amount"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	made, err := s.Foreign(in.Channel, in.TransactionID+in.OrderNo, in.Number, in.Amount)
	if err != nil {
		return nil, err
	}
	return map[string]string{"number": made.Number, "refund_id": made.ID}, nil
}

// Foreign makes a refund as if in the channel's own console, of the payment with a
// transaction id or order number. An empty number is made up.
func (s *Simulator) Foreign(channel, payment, number string, amount money.Minor) (Refund, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due()
	books := s.books[channel]
	if books == nil {
		return Refund{}, fmt.Errorf("unknown channel %q", channel)
	}
	p := books.Payment(payment)
	if p == nil {
		p = books.PaymentByNumber(payment)
	}
	if p == nil {
		return Refund{}, fmt.Errorf("payment %q: %w", payment, errNotFound)
	}
	if number == "" {
		number = fmt.Sprintf("CONSOLE%06d", books.made+1)
	}
	if books.Refund(number) != nil {
		return Refund{}, fmt.Errorf("a refund has the number %s", number)
	}
	made, err := books.Create(p, Refund{Number: number, Amount: amount, Foreign: true}, 0)
	if err != nil {
		return Refund{}, err
	}
	return made.copy(), nil
}

// postDispute has a payer dispute a payment, or decides a dispute.
func (s *Simulator) postDispute(r *http.Request) (any, error) {
	var in struct {
		Channel       string      `json:"channel"`
		TransactionID string      `json:"transaction_id"`
		OrderNo       string      `json:"order_no"`
		Amount        money.Minor `json:"amount"`
		Status        string      `json:"status"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due()
	disputer, ok := s.sides[in.Channel].(Disputer)
	if !ok {
		return nil, fmt.Errorf("channel %q has no disputes", in.Channel)
	}
	books := s.books[in.Channel]
	p := books.Payment(in.TransactionID)
	if p == nil {
		p = books.PaymentByNumber(in.OrderNo)
	}
	if p == nil {
		return nil, fmt.Errorf("payment %q: %w", in.TransactionID+in.OrderNo, errNotFound)
	}
	return map[string]string{"status": in.Status}, disputer.Dispute(books, p, in.Amount, in.Status)
}

func (s *Simulator) postFault(r *http.Request) (any, error) {
	var in Injection
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return struct{}{}, s.Inject(in)
}

// maxAdvance bounds one move of the clock: ten years.
const maxAdvance = 10 * 366 * 24 * 3600

func (s *Simulator) postClock(r *http.Request) (any, error) {
	var in struct {
		AdvanceSeconds int64 `json:"advance_seconds"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if in.AdvanceSeconds < 0 || in.AdvanceSeconds > maxAdvance {
		return nil, errors.New("advance_seconds must be 0 to ten years")
	}
	s.Advance(time.Duration(in.AdvanceSeconds) * time.Second)
	return map[string]time.Time{"now": s.Now()}, nil
}

func (s *Simulator) postNotify(r *http.Request) (any, error) {
	var in struct {
		Channel string `json:"channel"`
		URL     string `json:"url"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if u, err := url.Parse(in.URL); in.URL != "" && (err != nil || u.Host == "") {
		return nil, errors.New("url must be an address, such as http://127.0.0.1:8080/notify/stripe/acct_1, or empty for none")
	}
	return struct{}{}, s.NotifyAt(in.Channel, in.URL)
}

// getBill answers with the bill of a day in the channel's own form.
func (s *Simulator) getBill(w http.ResponseWriter, r *http.Request) {
	side := s.sides[r.URL.Query().Get("channel")]
	if side == nil {
		problem(w, http.StatusBadRequest, fmt.Errorf("unknown channel %q", r.URL.Query().Get("channel")))
		return
	}
	day, err := time.ParseInLocation(time.DateOnly, r.URL.Query().Get("date"), side.Zone())
	if err != nil {
		problem(w, http.StatusBadRequest, errors.New("date must be a day such as 2026-11-29"))
		return
	}
	s.mu.Lock()
	s.due()
	books := s.books[side.Name()]
	kind, body := side.Bill(books, day, books.between(day, day.AddDate(0, 0, 1)))
	s.mu.Unlock()
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}
