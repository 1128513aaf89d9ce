package shop.client;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.openfeign.EnableFeignClients;

/** A client of the order service, as other teams have them. It ends with 0 when all that it expects holds. */
@SpringBootApplication
@EnableFeignClients
public class ClientApplication {
    public static void main(String[] args) {
        System.exit(SpringApplication.exit(SpringApplication.run(ClientApplication.class, args)));
    }
}
