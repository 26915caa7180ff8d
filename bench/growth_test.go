package bench

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// The statements must fit each new schema.
func TestTheStoredRefundsFitTheSchema(t *testing.T) {
	address := storetest.Postgres(t)
	s, err := service.Start(t.Context(), service.Options{Database: address, Data: t.TempDir(), Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, span := range [][2]int{{0, 2}, {2, 5}} {
		if err := fillRefunds(t.Context(), address, span[0], span[1]); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var refunds int
	if err := conn.QueryRow(t.Context(), "SELECT COUNT(*) FROM refunds WHERE merchant_id = 'mer_demo'").Scan(&refunds); err != nil || refunds != 5 {
		t.Errorf("%d refunds are stored, %v", refunds, err)
	}
}
