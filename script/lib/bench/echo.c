/* echo.c: the least a FastCGI application can do, as a reference for script/bench. It answers what Kinora's /livez
   answers, on a number of threads, each of which accepts for itself and then holds its connection, as libfcgi is
   used everywhere.
   usage: echo SOCKET THREADS */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int listening;

static void *answer(void *unused) {
    FCGX_Request request;
    FCGX_InitRequest(&request, listening, 0);
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Status: 200\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n\r\nok\n", request.out);
        FCGX_Finish_r(&request);
    }
    return unused;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    FCGX_Init();
    listening = FCGX_OpenSocket(arguments[1], 511);
    if (listening < 0) return 1;
    for (int thread = 0; thread < atoi(arguments[2]); thread++) {
        pthread_t id;
        if (pthread_create(&id, NULL, answer, NULL) != 0) return 1;
    }
    pause();
    return 0;
}
