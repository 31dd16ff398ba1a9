package reactor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"example.org/weir/codec"
)

var errTunnelEarly = errors.New("the proxy sent something behind its answer, before it was asked anything")

// proxyFor returns the proxy through which to reach u, nil for none.
func (cl *Client) proxyFor(u *url.URL) (proxy *url.URL, err error) {
	if cl.Proxy != nil {
		proxy, err = cl.Proxy(u)
	} else {
		scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
		proxy, err = http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: u.Host}})
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot tell the proxy for %s: %w", u.Host, err)
	case proxy == nil:
		return nil, nil
	case proxy.Scheme != "http" || proxy.Hostname() == "":
		return nil, &codec.HandshakeError{Text: "The proxy " + proxy.Redacted() + " cannot be used: only http://host:port can."}
	}
	return proxy, nil
}

// tunnel opens a TCP connection through a proxy.
func (cl *Client) tunnel(ctx context.Context, opt *DialOptions, proxy *url.URL, hostport string) (net.Conn, error) {
	port := proxy.Port()
	if port == "" {
		port = "80"
	}
	socket, err := opt.dial(ctx, net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("the proxy %s: %w", proxy.Redacted(), err)
	}
	ctx, cancel := cl.inTime(ctx)
	defer cancel()
	if err = cl.askProxy(ctx, socket, proxy.User, hostport); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("the proxy %s: %w", proxy.Redacted(), err)
	}
	return socket, nil
}

// askProxy asks for a tunnel to hostport. ctx ends the attempt.
func (cl *Client) askProxy(ctx context.Context, socket net.Conn, user *url.Userinfo, hostport string) error {
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	var fields []codec.Field
	if user != nil {
		fields = []codec.Field{{Name: "Proxy-Authorization", Value: basicAuth(user)}}
	}
	request, err := codec.AppendConnect(nil, hostport, fields...)
	if err == nil {
		_, err = socket.Write(request)
	}
	if err == nil {
		err = cl.readTunnel(socket)
	}
	if !stop() {
		return ctx.Err()
	}
	return err
}

// basicAuth is the value of Proxy-Authorization (RFC 7617 2).
func basicAuth(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// readTunnel reads the proxy's answer. In a tunnel to a WebSocket server, with TLS or without, the client
// speaks first: nothing can come behind the answer.
func (cl *Client) readTunnel(socket net.Conn) error {
	var parser codec.ResponseParser
	parser.Reset(cl.Head)
	var head []byte
	buf := make([]byte, 1024)
	for {
		n, err := parser.Parse(head)
		switch {
		case err != nil:
			return err
		case n > 0:
			r := parser.Response(head[:n])
			if !r.Interim() {
				if err := r.CheckConnect(); err != nil {
					return err
				}
				if len(head) > n {
					return errTunnelEarly
				}
				return nil
			}
			head = append(head[:0], head[n:]...) // 1xx: the answer is still to come
			parser.Reset(cl.Head)
			continue
		}
		n, err = socket.Read(buf)
		if head = append(head, buf[:n]...); n == 0 && err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
	}
}
