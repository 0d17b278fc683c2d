// What the benchmark asks of every peer, in Go with net/http: a sleep, four calls to a remote API, four queries with
// pgx. Settings from the environment: PORT, REMOTE, CALLS, QUERIES, PGHOST...
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

type slept struct {
	Status string `json:"status"`
}

type answer struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

type total struct {
	Count int   `json:"count"`
	Total int64 `json:"total"`
}

var (
	remote = os.Getenv("REMOTE")
	client *http.Client
	pool   *pgxpool.Pool
)

func reply(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}

func sleep(w http.ResponseWriter, r *http.Request) {
	time.Sleep(10 * time.Millisecond)
	reply(w, slept{"slept"}, nil)
}

func four(ctx context.Context, one func(ctx context.Context, number int) (int64, error)) (total, error) {
	var values [4]int64
	group, ctx := errgroup.WithContext(ctx)
	for i := range values {
		group.Go(func() (err error) {
			values[i], err = one(ctx, i+1)
			return err
		})
	}
	err := group.Wait()
	return total{len(values), values[0] + values[1] + values[2] + values[3]}, err
}

func call(ctx context.Context, number int) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, remote, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the remote answered %s", response.Status)
	}
	var got answer
	err = json.NewDecoder(response.Body).Decode(&got)
	return got.Value, err
}

func calls(w http.ResponseWriter, r *http.Request) {
	sum, err := four(r.Context(), call)
	reply(w, sum, err)
}

func query(ctx context.Context, number int) (value int64, err error) {
	err = pool.QueryRow(ctx, "select $1::int from pg_sleep(0.002)", number).Scan(&value)
	return value, err
}

func queries(w http.ResponseWriter, r *http.Request) {
	sum, err := four(r.Context(), query)
	reply(w, sum, err)
}

func setting(name string) int {
	value, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = setting("CALLS")
	transport.MaxIdleConns = transport.MaxConnsPerHost
	transport.MaxIdleConnsPerHost = transport.MaxConnsPerHost
	client = &http.Client{Transport: transport, Timeout: time.Minute}

	config, err := pgxpool.ParseConfig("")
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = int32(setting("QUERIES"))
	if pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	http.HandleFunc("GET /sleep", sleep)
	http.HandleFunc("GET /calls", calls)
	http.HandleFunc("GET /queries", queries)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
